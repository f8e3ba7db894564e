import JSON

extension DefinitionReader {
    private static let checkVocabulary = Vocabulary(
        [
            "id", "check_id", "name", "notes", "service_id", "token", "status", "args", "script", "http", "header",
            "method", "body", "tls_skip_verify", "tls_server_name", "disable_redirects", "tcp", "grpc", "grpc_use_tls",
            "alias_node",
            "alias_service", "docker_container_id", "shell", "interval", "timeout", "ttl",
            "deregister_critical_service_after", "success_before_passing", "failures_before_critical",
            "output_max_size", "enterprise_meta", "type", "proxy_http", "proxy_grpc", "namespace",
        ],
        camelCase: [
            "scriptargs": "args", "script_args": "args", "checkid": "check_id", "serviceid": "service_id",
            "dockercontainerid": "docker_container_id", "tlsskipverify": "tls_skip_verify",
            "tlsservername": "tls_server_name",
            "deregistercriticalserviceafter": "deregister_critical_service_after",
        ])

    /// Reads a check, whether it stands alone or in a service.
    package mutating func check(_ reader: Reader) throws(DefinitionFault) -> CheckDefinition {
        var check = CheckDefinition()
        try members(reader, Self.checkVocabulary) { (self, name, value) throws(DefinitionFault) in
            switch name {
            case "id", "check_id": check.id = try self.string(value)
            case "name": check.name = try self.string(value)
            case "notes": check.notes = try self.string(value)
            case "service_id": check.serviceID = try self.string(value)
            case "token": check.token = try self.string(value)
            case "status": check.status = try self.string(value)
            case "args": check.args = try self.strings(value)
            case "script":
                // Removed in 1.1; a shell runs it, which is what the removal was about, so it has to be said in args.
                if try !self.string(value).isEmpty {
                    throw .rule("check key \"script\" was removed in Consul 1.1; use \"args\": [\"sh\", \"-c\", …]")
                }
            case "http": check.http = try self.string(value)
            case "header":
                check.header = try self.headers(value)
            case "method": check.method = try self.string(value)
            case "body": check.body = try self.string(value)
            case "tls_skip_verify": check.tlsSkipVerify = try self.bool(value)
            case "tls_server_name": check.tlsServerName = try self.string(value)
            case "disable_redirects": check.disableRedirects = try self.bool(value)
            case "tcp": check.tcp = try self.string(value)
            case "grpc": check.grpc = try self.string(value)
            case "grpc_use_tls": check.grpcUseTLS = try self.bool(value)
            case "alias_node": check.aliasNode = try self.string(value)
            case "alias_service": check.aliasService = try self.string(value)
            case "docker_container_id": check.dockerContainerID = try self.string(value)
            case "shell": check.shell = try self.string(value)
            case "interval": check.interval = try self.duration(value)
            case "timeout": check.timeout = try self.duration(value)
            case "ttl": check.ttl = try self.duration(value)
            case "deregister_critical_service_after":
                check.deregisterCriticalServiceAfter = try self.duration(value)
            case "success_before_passing": check.successBeforePassing = try self.integer(value)
            case "failures_before_critical": check.failuresBeforeCritical = try self.integer(value)
            case "output_max_size": check.outputMaxSize = try self.integer(value)
            default: break
            }
        }
        return check
    }

    /// Header fields: an object of lists of strings.
    func headers(_ reader: Reader) throws(DefinitionFault) -> [String: [String]] {
        let members: [(key: String, reader: Reader)]
        do throws(TypeError) {
            members = try reader.members()
        } catch {
            throw .type(error)
        }
        var fields: [String: [String]] = [:]
        for (key, values) in members { fields[key] = try strings(values) }
        return fields
    }
}
