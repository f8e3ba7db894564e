/// Whom we believe, as PEM.
public struct TLSTrust: Sendable {
    /// Every certificate in here is an anchor.
    public var roots: [UInt8]
    /// CRLs; when there are any, every certificate of a peer's chain is looked up, the anchor included: each of their issuers
    /// must have a current one that does not list them, else the peer is refused (docs/decisions/0300).
    public var revocations: [UInt8]

    /// Trust in these PEM texts. Nothing is checked before a context is built from it.
    public init(roots: [UInt8], revocations: [UInt8] = []) {
        self.roots = roots
        self.revocations = revocations
    }
}
