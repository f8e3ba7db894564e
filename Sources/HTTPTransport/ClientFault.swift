import HTTP
import Kernel

/// Why a request got no whole response. The description names the server and what failed.
public struct ClientFault: Error, Sendable, CustomStringConvertible {
    /// What failed.
    public enum Cause: Error, Sendable {
        /// The host name has no address.
        case lookUp(Resolver.Failure)
        /// No address could be connected to; the last one's error.
        case connect(Errno)
        /// Connecting took longer than allowed.
        case connectTimedOut(Nanoseconds)
        /// The request cannot be written as HTTP.
        case request(WriteFault)
        /// The connection failed with the request or the response under way.
        case connection(Errno)
        /// The server closed the connection before the response was whole.
        case closed(beganResponse: Bool)
        /// The server's bytes are no HTTP response.
        case response(MessageFault)
        /// The response, or its head when it is streamed, took longer than allowed.
        case timedOut(Nanoseconds)
    }

    /// The server, as it was named: "127.0.0.1:8500", "agent.example:8500" or "unix:/path".
    public let server: EndpointName
    /// What failed.
    public let cause: Cause

    /// Both, as one sentence.
    public var description: String {
        switch cause {
        case .lookUp(let failure): "\(failure)"
        case .connect(let error): "cannot connect to \(server): \(error)"
        case .connectTimedOut(let limit): "cannot connect to \(server): no answer within \(Self.seconds(limit))"
        case .request(let fault): "cannot ask \(server): \(fault)"
        case .connection(let error): "lost the connection to \(server): \(error)"
        case .closed(beganResponse: false): "\(server) closed the connection without a response"
        case .closed(beganResponse: true): "\(server) closed the connection in the middle of its response"
        case .response(let fault): "\(server) sent a malformed response: \(fault)"
        case .timedOut(let limit): "\(server) did not respond within \(Self.seconds(limit))"
        }
    }

    private static func seconds(_ time: Nanoseconds) -> String {
        time % 1_000_000_000 == 0 ? "\(time / 1_000_000_000) s" : "\(time / 1_000_000) ms"
    }
}
