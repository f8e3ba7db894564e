import JSON
import Kernel
import Mesh
import Proxy

extension RouteSettings {
    /// Takes the `shaping`, `faults` and `mirror` blocks of a configuration over. `now` is nanoseconds since 1970: a fault's
    /// expiry is judged by it.
    mutating func readConditions(_ config: Config, now: Int64 = Clock.realtime) throws(DefinitionError) {
        do throws(SettingsError) {
            let conditions = try ConditionSettings(reading: config.value, path: config.path, now: now)
            shaping = conditions.shaping ?? shaping
            faults = conditions.faults ?? faults
            if let settings = conditions.mirror { mirror = try Self.mirror(settings, config.path) }
        } catch {
            throw DefinitionError(error.description)
        }
    }

    private static func mirror(_ settings: MirrorSettings, _ path: String) throws(SettingsError) -> Mirror {
        let name: EndpointName
        do throws(EndpointName.Malformed) {
            name = try EndpointName(parsing: settings.address)
        } catch {
            throw SettingsError("\(path).mirror.address: \(error)")
        }
        guard case .address(let address) = name else {
            throw SettingsError("\(path).mirror.address is the name \"\(name)\": give the address in digits")
        }
        return Mirror(address, percent: settings.percent)
    }
}
