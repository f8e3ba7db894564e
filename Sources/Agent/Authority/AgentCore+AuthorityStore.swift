import JSON
import Mesh
import PKI

extension AgentCore {
    /// Keeps the authority for the next start. The record holds the signing key: the store is a file of mode 0600.
    func persistAuthority() {
        guard let authority, !configuration.dataDirectory.isEmpty else { return }
        do throws(PKIError) {
            var roots: [Value] = []
            for root in authority.roots {
                var object: Object = [
                    "Cert": .string(try root.certificate.pem()), "Intermediates": .strings(root.intermediates),
                    "Active": .bool(root.isActive), "CreateIndex": .number(root.createIndex),
                    "ModifyIndex": .number(root.modifyIndex),
                ]
                if let retiredAt = root.retiredAt { object.append("RetiredAt", .integer(retiredAt)) }
                roots.append(.object(object))
            }
            let value: Value = [
                "ClusterID": .string(authority.clusterID), "Key": .string(try authority.signer.key.unwipedPEM()),
                "Roots": .array(roots), "Settings": .object(authority.settings),
                "CreateIndex": .number(authority.createIndex), "ModifyIndex": .number(authority.modifyIndex),
                "RootsIndex": .number(authority.rootsIndex),
            ]
            emit(.persist(.authority(value.bytes())))
        } catch {
            log(.error, "agent.server.connect: cannot keep the certificate authority: error=\"\(error)\"")
        }
    }

    /// Takes the authority back. A record that cannot be read stops the start: making a new root instead would cut off
    /// every leaf of the old one.
    func restoreAuthority(_ bytes: [UInt8]) throws(StartError) {
        func damaged(_ reason: String) -> StartError {
            StartError(description: "the kept certificate authority cannot be read: \(reason)")
        }
        let value: Value
        do throws(ParseError) {
            value = try Value(parsing: bytes)
        } catch {
            throw damaged(error.description)
        }
        guard let clusterID = value["ClusterID"]?.string, let keyText = value["Key"]?.string,
            let kept = value["Roots"]?.array, let settings = value["Settings"]?.object
        else { throw damaged("a part is missing") }
        func number(_ value: Value?, _ key: String) -> UInt64 { UInt64(clamping: value?[key]?.integer ?? 0) }
        do throws(PKIError) {
            let key = try PrivateKey(pem: keyText, source: "the store")
            var roots: [CertificateAuthority.Root] = []
            for element in kept {
                let certificate = try Certificate(pem: element["Cert"]?.string ?? "", source: "the store")
                var root = try CertificateAuthority.describe(certificate, index: number(element, "CreateIndex"))
                root.modifyIndex = number(element, "ModifyIndex")
                root.intermediates = (element["Intermediates"]?.array ?? []).compactMap(\.string)
                root.isActive = element["Active"]?.bool ?? false
                root.retiredAt = element["RetiredAt"]?.integer
                roots.append(root)
            }
            guard let active = roots.first(where: \.isActive) else {
                throw PKIError(.nothingFound, "the store", "no active root")
            }
            authority = CertificateAuthority(
                clusterID: clusterID, roots: roots, signer: try Authority(certificate: active.certificate, key: key),
                settings: settings, createIndex: number(value, "CreateIndex"),
                modifyIndex: number(value, "ModifyIndex"), rootsIndex: number(value, "RootsIndex"))
        } catch {
            throw damaged(error.description)
        }
        index = max(index, number(value, "RootsIndex"), number(value, "ModifyIndex"))
    }
}
