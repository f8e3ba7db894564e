import HTTP
import JSON
import Kernel
import Mesh
import Testing

@testable import HTTPTransport
@testable import warren

@Suite("What commands print")
struct CommandTextTests {
    @Test("stands in columns two blanks apart")
    func table() {
        #expect(
            columns([["Node", "ID"], ["a-long-name", "1"], ["ü", "2"]])
                == "Node         ID\na-long-name  1\nü            2")
        #expect(columns([["a", "", "c"], [" b ", "x", ""]]) == "a     c\nb  x  ")
        #expect(columns([]).isEmpty && columns([["one"], ["two"]]) == "one\ntwo")
    }

    private static let intention: Value = [
        "CreatedAt": "2026-11-23T02:05:14.029948359Z", "ID": "66e50df0-7ca2-af69-99e8-b36772d79de9",
        "SourceNS": "default", "SourceName": "service1", "DestinationNS": "team", "DestinationName": "db",
        "Action": "allow", "Meta": ["owner": "ops", "a": "b"], "Description": "why", "Precedence": 9,
    ]

    @Test("tells an intention in a line, a row and a block")
    func intentions() {
        #expect(IntentionText.line(Self.intention) == "service1 => team/db (allow)")
        #expect(IntentionText.line(["sourcename": "a", "destinationname": "b", "action": "deny"]) == "a => b (deny)")
        #expect(
            IntentionText.line(["SourceName": "a", "DestinationName": "b", "Permissions": [[:]]])
                == "a => b (1 permission)")
        #expect(
            IntentionText.table([Self.intention])
                == """
                ID                                    Source    Action  Destination  Precedence
                66e50df0-7ca2-af69-99e8-b36772d79de9  service1  allow   team/db      9
                """)
        let block = IntentionText.block(Self.intention).split(separator: "\n").map(String.init)
        #expect(
            block.dropLast() == [
                "Source:       service1", "Destination:  team/db", "Action:       allow",
                "ID:           66e50df0-7ca2-af69-99e8-b36772d79de9", "Description:  why", "Meta[a]:      b",
                "Meta[owner]:  ops",
            ])
        // The local time zone is the machine's; its day differs by one at most.
        #expect(block.last?.hasPrefix("Created At:   ") == true && block.last?.contains("-Nov-26 ") == true)
    }

    @Test("lists members as Consul does")
    func members() {
        let server = Member([
            "Name": "node1", "Addr": "127.0.0.1", "Port": 8301, "Status": 1,
            "Tags": ["role": "consul", "build": "1.9.17:3c1c", "vsn": "2", "dc": "dc1", "segment": ""],
        ])
        let client = Member([
            "Name": "node2", "Addr": "fe80::1", "Port": 1, "Status": 4, "Tags": ["role": "node", "build": "1.2.0:"],
        ])
        #expect(
            Member.table([server, client])
                == """
                Node   Address         Status  Type    Build   Protocol  DC   Segment
                node1  127.0.0.1:8301  alive   server  1.9.17  2         dc1  <all>
                node2  [fe80::1]:1     failed  client  1.2.0                  <default>
                """)
        #expect(
            Member.details([server])
                == """
                Node   Address         Status  Tags
                node1  127.0.0.1:8301  alive   build=1.9.17:3c1c,dc=dc1,role=consul,segment=<all>,vsn=2
                """)
    }

    @Test("lists what is in maintenance, the node and services")
    func maintenance() {
        let checks: Value = [
            "_service_maintenance:web-1": ["ServiceID": "web-1", "Notes": "test"],
            "_node_maintenance": ["Node": "node1", "Notes": "disk"], "service:web-1": ["ServiceID": "web-1"],
        ]
        #expect(
            Command.maintenance(checks)
                == "Node:\n  Name:   node1\n  Reason: disk\n\nService:\n  ID:     web-1\n  Reason: test\n\n")
        #expect(Command.maintenance([:]).isEmpty)
    }

    @Test("lists nodes once each, with their facts when asked")
    func nodes() {
        let records: [Value] = [
            [
                "ID": "43a4ffff-b8b2", "Node": "node1", "Address": "127.0.0.1", "Datacenter": "dc1",
                "TaggedAddresses": ["wan": "2", "lan": "1"], "NodeMeta": ["b": "2", "a": "1"],
            ],
            ["ID": "43a4ffff-b8b2", "Node": "node1", "Address": "127.0.0.1", "Datacenter": "dc1"],
            ["ID": "", "Node": "ext", "Address": "10.1.1.1", "Datacenter": "dc1", "TaggedAddresses": nil, "Meta": nil],
        ]
        let nodes = CatalogText.distinctNodes(records)
        #expect(
            CatalogText.nodes(nodes, detailed: false)
                == """
                Node   ID        Address    DC
                node1  43a4ffff  127.0.0.1  dc1
                ext              10.1.1.1   dc1
                """)
        #expect(
            CatalogText.nodes([records[0]], detailed: true)
                == """
                Node   ID             Address    DC   TaggedAddresses  Meta
                node1  43a4ffff-b8b2  127.0.0.1  dc1  lan=1, wan=2     a=1, b=2
                """)
    }

    @Test("lists services and their tags")
    func services() {
        let all = CatalogText.services(ofAll: ["web": ["v2", "a"], "api": []])
        #expect(all.map(\.name) == ["api", "web"] && all[1].tags == ["a", "v2"])
        #expect(CatalogText.tagged(all) == "api      \nweb      a,v2")
        #expect(CatalogText.tagged([("api", []), ("service", [])]) == "api          \nservice")
        let ofNode = CatalogText.services(ofNode: [
            "Services": [
                "web-1": ["Service": "web", "Tags": ["b"]], "web-2": ["Service": "web", "Tags": ["a"]],
                "api": ["Service": "api", "Tags": nil],
            ]
        ])
        #expect(ofNode.map(\.name) == ["api", "web"] && ofNode[1].tags == ["a", "b"])
        #expect(CatalogText.services(ofNode: nil).isEmpty)
    }

    @Test("sends a definition without its empty members, but with what they mean")
    func definitions() throws {
        func lean(_ text: String) throws -> Value {
            var reader = DefinitionReader(.file)
            return ServiceFiles.lean(try reader.service(Reader(try Value(parsing: text))).json)
        }
        #expect(
            try lean(#"{"name": "web", "port": 80}"#)
                == ["Name": "web", "Port": 80, "Weights": ["Passing": 1, "Warning": 1]])
        let managed = try lean(#"{"name": "web", "connect": {"proxy": {"config": {"a": 0, "b": false}}}}"#)
        #expect(managed["Connect"] == ["Proxy": ["Config": ["a": 0, "b": false]]])
        #expect(try lean(#"{"name": "web", "connect": {"proxy": {}}}"#)["Connect"] == ["Proxy": [:]])
        let sidecar = try lean(#"{"name": "web", "connect": {"sidecar_service": {}}}"#)
        #expect(sidecar["Connect"]?["SidecarService"]?.object != nil && sidecar["Connect"]?["Native"] == nil)
        #expect(try lean(#"{"name": "web", "connect": {"native": true}}"#)["Connect"] == ["Native": true])
        let checked = try lean(#"{"name": "web", "check": {"tcp": "127.0.0.1:80", "interval": "10s"}}"#)
        #expect(checked["Checks"] == [["TCP": "127.0.0.1:80", "Interval": 10_000_000_000]])
    }

    @Test("names what went wrong as Consul's client does")
    func faults() throws {
        let server = try EndpointName(parsing: "127.0.0.1:1")
        let put = Request(method: "PUT", target: "/v1/agent/reload?a=b")
        func text(_ cause: ClientFault.Cause, _ server: EndpointName) -> String {
            AnswerFault(put, server, ClientFault(server: server, cause: cause)).description
        }
        #expect(
            text(.connect(.connectionRefused), server)
                == "Put \"http://127.0.0.1:1/v1/agent/reload?a=b\": dial tcp 127.0.0.1:1: connect: connection refused")
        #expect(text(.closed(beganResponse: false), server).hasSuffix("reload?a=b\": EOF"))
        let unix = try EndpointName(parsing: "unix:/run/agent.sock")
        #expect(
            text(.connect(.noSuchFile), unix)
                == "Put \"http://127.0.0.1/v1/agent/reload?a=b\": dial unix /run/agent.sock: connect: no such file or directory"
        )
        #expect(
            AnswerFault(unexpected: Response(status: 500, body: Array("why".utf8))).description
                == "Unexpected response code: 500 (why)")
    }

    @Test("puts flags under their headings")
    func help() {
        var flags = Flags(usage: "warren test")
        flags.section = "HTTP API Options"
        flags.value("b", "x", "B.")
        flags.section = "Command Options"
        flags.toggle("a", "A.")
        #expect(
            flags.help
                == "Usage: warren test\n\nHTTP API Options\n\n  -b=<x>\n     B.\n\nCommand Options\n\n  -a\n     A.\n")
    }
}
