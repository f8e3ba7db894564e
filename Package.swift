// swift-tools-version: 6.2
import PackageDescription

// Imports point down; DESIGN of the house and the table that a test compares with are in docs/ARCHITECTURE.md.
let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

/// The engine's modules: single-threaded, and run under debug builds' dynamic checks by all tests (docs/decisions/0009).
let engine = house + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

func room(_ name: String, _ dependencies: [Target.Dependency] = [], _ settings: [SwiftSetting] = house) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func proof(of name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(name: name + "Tests", dependencies: [.byName(name: name)] + dependencies, swiftSettings: house)
}

let package = Package(
    name: "warren",
    products: [
        .executable(name: "warren", targets: ["warren"]),
        // For programs that take part in the mesh without a sidecar.
        .library(name: "WarrenConnect", targets: ["WarrenConnect"]),
        // For Benchmarks/, a package of its own, which drives the engine's modules from outside.
        .library(
            name: "WarrenEngine",
            targets: ["CWarren", "Kernel", "Reactor", "Relay", "TLS", "PKI", "HTTP", "JSON", "Mesh"]),
    ],
    targets: [
        .target(
            name: "CWarren",
            cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror", "-O2", "-fno-strict-aliasing"])],
            linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]
        ),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        room("HTTP"),
        room("Gzip", ["CZlib"]),
        room("HTTPTransport", ["HTTP", "Reactor", "Kernel"]),
        room("Mesh", ["JSON"], engine),
        proof(of: "Mesh"),
        room("Agent", ["DNS", "HTTP", "JSON", "Mesh", "PKI"]),
        proof(of: "Agent", ["DNS", "HTTP", "JSON", "Kernel", "Mesh", "PKI"]),
        room(
            "AgentShell",
            [
                "Agent", "HTTPTransport", "HTTP", "Gzip", "JSON", "Mesh", "PKI", "Reactor", "Kernel", "Log", "Store",
                "DNS", "CWarren",
            ]),
        proof(of: "AgentShell", ["Agent", "HTTP", "Mesh", "Reactor", "Kernel", "Store"]),
        .testTarget(
            name: "GoldenTests", dependencies: ["Agent", "HTTP", "JSON", "Mesh"],
            exclude: ["Recordings", "Configurations"], swiftSettings: house),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        room("DNS"),
        .testTarget(
            name: "DNSTests", dependencies: ["DNS"], exclude: ["Recordings"], swiftSettings: house),
        room("Store", ["CSQLite"]),
        proof(of: "Store", ["CSQLite"]),
        room("Kernel", ["CWarren"], engine),
        room("Reactor", ["Kernel", "CWarren"], engine),
        room("Relay", ["TLS", "Kernel"], engine),
        room("Log", ["Kernel", "CWarren"]),
        room("Proxy", ["Relay", "TLS", "Reactor", "Kernel", "Log", "Mesh", "CWarren"], engine),
        room("TLS", ["Kernel", "CWarren"], engine),
        room("Sidecar", ["Proxy", "TLS", "HTTPTransport", "HTTP", "JSON", "Mesh", "Reactor", "Kernel", "Log"]),
        proof(of: "Sidecar", ["HTTP", "JSON", "Kernel", "Log", "Mesh", "Proxy", "Reactor", "TLS"]),
        room("WarrenConnect", ["Sidecar", "Reactor", "Kernel", "Log"]),
        proof(of: "WarrenConnect", ["Kernel", "Reactor"]),
        .executableTarget(
            name: "native", dependencies: ["WarrenConnect", "Reactor", "Kernel"], path: "Examples/native",
            swiftSettings: house),
        .target(
            name: "TLSProof", dependencies: ["CWarren"], path: "Tests/TLSProof",
            cSettings: [
                .headerSearchPath("../../Sources/CWarren"), .unsafeFlags(["-Wall", "-Wextra", "-Werror", "-O2"]),
            ],
            linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]
        ),
        proof(of: "TLS", ["TLSProof"]),
        room("PKI", ["CWarren"]),
        proof(of: "PKI", ["CWarren"]),
        proof(of: "HTTP"),
        proof(of: "Gzip", ["CZlib"]),
        proof(of: "HTTPTransport", ["HTTP", "Gzip", "Reactor", "Kernel"]),
        room("JSON"),
        proof(of: "JSON"),
        proof(of: "Kernel"),
        proof(of: "Reactor", ["Kernel"]),
        proof(of: "Relay", ["Kernel", "TLS", "TLSProof"]),
        proof(of: "Log", ["Kernel"]),
        proof(of: "Proxy", ["Kernel", "Mesh", "Reactor", "TLS"]),
        proof(of: "warren", ["HTTP", "HTTPTransport", "JSON", "Kernel", "Log", "Mesh", "Proxy"]),
        .testTarget(name: "TidyTests", swiftSettings: house),
        .executableTarget(
            name: "hello", dependencies: ["HTTPTransport", "HTTP", "Reactor", "Kernel"], path: "Examples/hello",
            swiftSettings: house),
        .executableTarget(
            name: "warren",
            dependencies: [
                "AgentShell", "Agent", "Store", "Sidecar", "Proxy", "Relay", "TLS", "PKI", "HTTPTransport", "HTTP",
                "JSON", "Mesh", "Reactor", "Log", "Kernel", "CWarren",
            ], swiftSettings: house),
    ]
)
