package catalog

const issueSchema = `{"type":"object","properties":{"owner":{"type":"string","description":"Repository owner"},"body":{"type":"string"},` +
	`"repo":{"type":"string"},"labels":{"type":"array","items":{"type":"string"}},"state":{"type":"string","enum":["open","closed"]},` +
	`"title":{"type":"string"},"options":{"type":"object","properties":{"draft":{"type":"boolean"},"review":{"type":"object","properties":{"by":{}}}}}},` +
	`"required":["owner","repo","title"]}`
