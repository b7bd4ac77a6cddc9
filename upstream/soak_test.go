package upstream

func faultyServer() {}
