extension Routes {
    /// Every route of the API.
    static let all = Routes(
        AgentServices.routes + AgentChecks.routes + AgentMisc.routes + AgentHealth.routes + StatusReads.routes
            + CatalogReads.routes + CatalogWrites.routes + HealthReads.routes + Sidecars.routes
            + ConnectCA.routes + ConnectIntentions.routes + ConnectAuthorize.routes
            + ConfigEntries.routes + DiscoveryChains.routes + LegacyACL.routes)
}
