// Module Archive: begun, see Docs/Status.md.
