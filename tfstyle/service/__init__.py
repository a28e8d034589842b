"""tfstyle over HTTP: `api` makes the application, of which `painting` and `slow` do the work."""
