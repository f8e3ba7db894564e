import HTTP

/// A request target taken apart: the decoded path and the query's parameters in order.
package struct Target: Sendable, Hashable {
    /// The path with its escapes undone.
    package let path: String
    /// The parameters.
    package let query: Query

    /// Why a target cannot be read.
    package enum Fault: Error, Sendable, Hashable {
        /// A bad escape in the path, or a character there that cannot be printed.
        case path
        /// A bad escape in the query.
        case query
    }

    package init(_ request: Request) throws(Fault) {
        do throws(URLFault) {
            path = try PercentCoding.decodePath(request.rawPath)
        } catch {
            throw .path
        }
        // Consul refuses what a terminal or a log could trip over.
        guard path.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f }) else { throw .path }
        do throws(URLFault) {
            query = try request.query()
        } catch {
            throw .query
        }
    }

    /// The first value under `name`.
    package subscript(name: String) -> String? { query[name] }

    /// Every value under `name`, in order.
    package func all(_ name: String) -> [String] { query.values(name) }

    /// Whether `name` stands there, with or without a value.
    package func has(_ name: String) -> Bool { query.has(name) }
}
