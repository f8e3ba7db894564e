// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that who builds Warren never resolves the histogram.
let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
]

let engine = Target.Dependency.product(name: "WarrenEngine", package: "warren")

let package = Package(
    name: "warren-benchmarks",
    dependencies: [
        .package(name: "warren", path: ".."),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", exact: "0.2.0"),
    ],
    targets: [
        .target(
            name: "LoadGenerator",
            dependencies: [engine, .product(name: "Histogram", package: "hdrhistogram-swift")],
            swiftSettings: house),
        .executableTarget(name: "warren-bench", dependencies: ["LoadGenerator", engine], swiftSettings: house),
        // The kernel's part of a relay's bill: no Swift and nothing of Warren in it.
        .executableTarget(name: "warren-floor", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror", "-O2"])]),
        .target(name: "CAllocationCount", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror", "-O2"])]),
        .executableTarget(
            name: "warren-micro", dependencies: ["CAllocationCount", engine], swiftSettings: house),
        .testTarget(
            name: "LoadGeneratorTests", dependencies: ["LoadGenerator", engine], swiftSettings: house),
    ]
)
