package search_test

import (
	"fmt"

	"mcpproxy/catalog"
	"mcpproxy/catalog/search"
)

func ExampleRank() {
	segments := []*search.Segment{
		search.NewSegment("tracker", "Issues of the team", []catalog.Tool{
			{Name: "create_issue", Description: "Opens a new issue."},
			{Name: "list_issues", Description: "Lists the open issues."},
		}),
		search.NewSegment("weather", "", []catalog.Tool{
			{Name: "forecast", Description: "Predicts temperature and rain for a city."},
		}),
	}
	for _, hit := range search.Rank(segments, "Will it rain? Then create an issue.", 2) {
		fmt.Println(hit.Server, hit.Tool)
	}
	// Output:
	// tracker create_issue
	// weather forecast
}
