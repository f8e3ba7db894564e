import JSON
import Mesh
import PKI

extension AgentCore {
    // MARK: Beginning

    /// Makes the trust domain's first root, unless one was restored.
    func bootstrapAuthority(now: Now) throws(StartError) {
        guard configuration.connect.isEnabled, authority == nil else { return }
        let given = configuration.connect.caConfig
        let clusterID = given[folding: "cluster_id"]?.string ?? given[folding: "ClusterID"]?.string ?? chance.uuid()
        var settings: Object = ["IntermediateCertTTL": "8760h", "LeafCertTTL": "72h", "RotationPeriod": "2160h"]
        for member in given.members where CASettings.apiKey(member.key) != "ClusterID" {
            settings[CASettings.apiKey(member.key)] = member.value
        }
        if let problem = CASettings.problem(in: settings) {
            throw StartError(description: "connect.ca_config: \(problem.text)")
        }
        do throws(PKIError) {
            let signer = try makeSigner(settings, clusterID: clusterID, now: now)
            index += 1
            let root = try CertificateAuthority.describe(signer.certificate, index: index)
            authority = CertificateAuthority(
                clusterID: clusterID, roots: [root], signer: signer, settings: settings, createIndex: index,
                modifyIndex: index, rootsIndex: index)
        } catch {
            throw StartError(description: "cannot make the certificate authority: \(error)")
        }
        persistAuthority()
        touched.insert(.roots)
        log(.info, "agent.server.connect: initialized primary datacenter CA with provider: provider=consul")
    }

    /// The certificate and key that settings ask for: both given, the key alone, or neither.
    private func makeSigner(_ settings: Object, clusterID: String, now: Now) throws(PKIError) -> Authority {
        let keyText = settings["PrivateKey"]?.string ?? ""
        let certificateText = settings["RootCert"]?.string ?? ""
        let key = keyText.isEmpty ? try PrivateKey.generate() : try PrivateKey(pem: keyText, source: "PrivateKey")
        if !certificateText.isEmpty {
            return try Authority(certificate: try Certificate(pem: certificateText, source: "RootCert"), key: key)
        }
        let name = String(chance.next() % 2_176_782_336, radix: 36)
        return try CertificateAuthority.makeRoot(
            key: key, clusterID: clusterID, name: name, serial: index + 1, now: now)
    }

    // MARK: Leaves

    /// The leaf of a service: the one there is, if the signing root made it, else a new one.
    func issueLeaf(_ service: String, now: Now) throws(PKIError) -> Leaf? {
        guard let authority, let active = authority.active else { return nil }
        let identity = ServiceIdentity(
            trustDomain: authority.trustDomain, datacenter: configuration.datacenter, service: service)
        let key = try PrivateKey.generate()
        let start = now.wall / 1_000_000_000 - 60
        let lifetime = authority.leafLifetime.nanoseconds / 1_000_000_000
        // A leaf never outlives what signed it.
        let end = min(start + lifetime, active.certificate.validity.notAfter)
        let serial = try SerialNumber.random()
        let template = CertificateTemplate.leaf(
            commonName: CertificateAuthority.commonName(service, ".svc.default", clusterID: authority.clusterID),
            serial: serial, validity: Validity(notBefore: start, notAfter: end), uriNames: [identity.description])
        let certificate = try authority.signer.issue(template, for: key.publicKey)
        let pem = try certificate.pem() + active.intermediates.joined()
        let keyPEM = try key.unwipedPEM()
        index += 1
        let leaf = Leaf(
            service: service, uri: identity.description, certificatePEM: pem, keyPEM: keyPEM,
            serial: serial.description, validity: template.validity, rootID: active.id,
            createIndex: leaves[service]?.createIndex ?? index, modifyIndex: index, issuedAt: now.ticks,
            usedAt: leaves[service]?.usedAt ?? now.ticks)
        leaves[service] = leaf
        touched.insert(.leaf(service))
        // Renewed somewhere between 60 and 90 % of its life, so that leaves of one start do not all come at once.
        let life = Duration.seconds(end - start)
        deadlines.set(.leaf(service), at: now.advanced(by: life * 6 / 10 + chance.jitter(below: life * 3 / 10)).ticks)
        return leaf
    }

    /// Whether one more certificate may be signed now; if not, how long until then.
    func signatureDelay(now: Now) -> Duration? {
        guard let rate = authority?.signaturesPerSecond, rate > 0 else { return nil }
        let elapsed = Double(now.ticks - signatures.since) / 1e9
        signatures.since = now.ticks
        // The bucket holds a second's worth, so that the sidecars of one start need not queue.
        signatures.tokens = min(max(rate, 1), signatures.tokens + elapsed * rate)
        if signatures.tokens >= 1 {
            signatures.tokens -= 1
            return nil
        }
        return .nanoseconds(Int64((1 - signatures.tokens) / rate * 1e9) + 1)
    }

    /// A leaf's time has come: renewed if somebody still asks for it, else forgotten.
    func renewLeaf(_ service: String, now: Now) {
        if let leaf = leaves[service], now.ticks - leaf.usedAt > Duration.seconds(72 * 3600).nanoseconds {
            leaves[service] = nil
            return
        }
        if let delay = signatureDelay(now: now) {
            deadlines.set(.leaf(service), at: now.advanced(by: delay).ticks)
            return
        }
        do throws(PKIError) {
            _ = try issueLeaf(service, now: now)
        } catch {
            log(
                .error,
                "agent.connect: cannot renew the certificate of \"\(service)\", will try again: error=\"\(error)\"")
            deadlines.set(.leaf(service), at: now.advanced(by: .seconds(30)).ticks)
        }
    }

    // MARK: Rotation

    /// Takes new settings for the built-in provider; a new key means a new root, which the old one vouches for.
    func configureAuthority(_ settings: Object, now: Now) throws(Refusal) {
        guard var authority else { throw Refusal(500, "Connect is not enabled on this agent") }
        var settings = settings
        // What `get-config` shows comes back unchanged.
        if settings["PrivateKey"]?.string == Self.hidden { settings["PrivateKey"] = authority.settings["PrivateKey"] }
        let keyText = settings["PrivateKey"]?.string ?? ""
        if let problem = CASettings.problem(in: settings) {
            throw Refusal(500, "error configuring provider: \(problem.text)")
        }
        if settings.sorted() == authority.settings.sorted() { return }
        let isNewKey = !keyText.isEmpty && settings["PrivateKey"] != authority.settings["PrivateKey"]
        let isNewRoot = isNewKey || (settings["RootCert"] != authority.settings["RootCert"] && !keyText.isEmpty)
        let lifetime = authority.leafLifetime
        authority.settings = settings
        index += 1
        authority.modifyIndex = index
        if isNewRoot {
            do throws(PKIError) {
                try rotate(&authority, settings, now: now)
            } catch {
                index -= 1
                throw Refusal(500, "error configuring provider: \(error)")
            }
        }
        self.authority = authority
        persistAuthority()
        if isNewRoot {
            reissueLeaves(Array(leaves.keys), now: now)
        } else if authority.leafLifetime < lifetime {
            // Who wants shorter lives wants them of the leaves that are out, too.
            let last = now.wall / 1_000_000_000 + authority.leafLifetime.nanoseconds / 1_000_000_000
            reissueLeaves(leaves.values.filter { $0.validity.notAfter > last }.map(\.service), now: now)
        }
    }

    static let hidden = "hidden"

    private func rotate(
        _ authority: inout CertificateAuthority, _ settings: Object, now: Now
    ) throws(PKIError) {
        let signer = try makeSigner(settings, clusterID: authority.clusterID, now: now)
        var root = try CertificateAuthority.describe(signer.certificate, index: index)
        guard !authority.roots.contains(where: { $0.id == root.id && $0.isActive }) else { return }
        let start = now.wall / 1_000_000_000
        let cross = try authority.signer.crossSign(
            signer.certificate, serial: try SerialNumber.random(),
            validity: Validity(notBefore: start - 60, notAfter: start + 7 * 86400))
        root.intermediates = [try cross.pem()]
        for place in authority.roots.indices where authority.roots[place].isActive {
            authority.roots[place].isActive = false
            authority.roots[place].modifyIndex = index
            authority.roots[place].retiredAt = start
        }
        authority.roots.removeAll { $0.id == root.id }
        authority.roots.append(root)
        authority.signer = signer
        authority.rootsIndex = index
        touched.insert(.roots)
        deadlines.set(.roots, at: now.advanced(by: .seconds(3600)).ticks)
        log(.info, "agent.server.connect: CA rotated to new root under provider: provider=consul")
    }

    /// After a rotation every leaf in use is issued anew, and after its life was made shorter each that would live longer,
    /// spread over the time the rate limit asks for. The old ones are good meanwhile, since their root stays on the list.
    private func reissueLeaves(_ services: [String], now: Now) {
        let rate = authority?.signaturesPerSecond ?? 0
        let spread: Duration = rate > 0 ? .nanoseconds(Int64(Double(services.count) / rate * 1e9)) : .zero
        for service in services.sorted() {
            deadlines.set(.leaf(service), at: now.advanced(by: chance.jitter(below: spread)).ticks)
        }
    }

    /// Takes roots off the list that were retired twice a leaf's life ago: nothing they signed is valid any more.
    func pruneRoots(now: Now) {
        guard var authority else { return }
        let limit = now.wall / 1_000_000_000 - 2 * authority.leafLifetime.nanoseconds / 1_000_000_000
        let kept = authority.roots.filter { root in root.isActive || (root.retiredAt.map { $0 > limit } ?? true) }
        if kept.count < authority.roots.count {
            index += 1
            authority.roots = kept
            authority.rootsIndex = index
            self.authority = authority
            persistAuthority()
            touched.insert(.roots)
        }
        if kept.count > 1 { deadlines.set(.roots, at: now.advanced(by: .seconds(3600)).ticks) }
    }
}
