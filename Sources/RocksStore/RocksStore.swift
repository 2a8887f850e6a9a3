// Module RocksStore: begun, see Docs/Status.md.
