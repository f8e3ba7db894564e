/// Whom we believe, as PEM.
public struct TLSTrust: Sendable {
    /// Every certificate in here is an anchor.
    public var roots: [UInt8]
    /// CRLs; when there are any, each leaf's issuer must have a current one, else its leaves are refused.
    public var revocations: [UInt8]

    /// Trust in these PEM texts. Nothing is checked before a context is built from it.
    public init(roots: [UInt8], revocations: [UInt8] = []) {
        self.roots = roots
        self.revocations = revocations
    }
}
