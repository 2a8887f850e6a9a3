// Module Sandbox: begun, see Docs/Status.md.
