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
        room("HTTP"),
        room("Mesh"),
        proof(of: "Mesh"),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        room("DNS"),
        .testTarget(
            name: "DNSTests", dependencies: ["DNS"], exclude: ["Recordings"], swiftSettings: house),
        room("Store", ["CSQLite"]),
        proof(of: "Store", ["CSQLite"]),
        room("Kernel", ["CWarren"]),
        .executableTarget(name: "warren", dependencies: ["Kernel"], swiftSettings: house),
    ]
)
