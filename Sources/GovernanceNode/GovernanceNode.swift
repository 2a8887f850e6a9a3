// Module GovernanceNode: begun, see Docs/Status.md.
