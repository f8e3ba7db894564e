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

func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: house)
}

func proof(of name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(name: name + "Tests", dependencies: [.byName(name: name)] + dependencies, swiftSettings: house)
}

let package = Package(
    name: "warren",
    products: [
        .executable(name: "warren", targets: ["warren"])
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
        room("Mesh", ["JSON"]),
        proof(of: "Mesh"),
        room("Agent", ["HTTP", "JSON", "Mesh", "PKI"]),
        .testTarget(
            name: "GoldenTests", dependencies: ["Agent", "HTTP", "JSON", "Mesh"],
            exclude: ["Recordings", "Configurations"], swiftSettings: house),
        room("Kernel", ["CWarren"]),
        room("Reactor", ["Kernel", "CWarren"]),
        room("Relay", ["TLS", "Kernel"]),
        room("Log", ["Kernel", "CWarren"]),
        room("Proxy", ["Relay", "TLS", "Reactor", "Kernel", "Log", "CWarren"]),
        room("TLS", ["Kernel", "CWarren"]),
        .target(
            name: "TLSProof", path: "Tests/TLSProof",
            cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror", "-O2"])],
            linkerSettings: [.linkedLibrary("crypto")]
        ),
        proof(of: "TLS", ["TLSProof"]),
        room("PKI", ["CWarren"]),
        proof(of: "PKI", ["CWarren"]),
        proof(of: "HTTP"),
        proof(of: "Gzip", ["CZlib"]),
        proof(of: "HTTPTransport", ["HTTP", "Gzip", "Reactor", "Kernel"]),
        room("JSON"),
        proof(of: "JSON"),
        .executableTarget(name: "warren", dependencies: ["Proxy", "Relay", "TLS", "PKI", "Reactor", "Log", "Kernel", "CWarren"], swiftSettings: house),
    ]
)
