import Mesh

extension AgentCore {
    /// What names may be asked about, by whom nobody is asked to say who he is: the catalog, and what a request without a
    /// token may see of it. Nothing may be seen when access control cannot tell.
    package var openView: (catalog: Catalog, access: Access)? {
        do throws(AccessError) {
            return (catalog, try access.access(for: ""))
        } catch {
            return nil
        }
    }
}
