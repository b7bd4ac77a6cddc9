package catalog

import (
	"slices"
	"strings"
)

var filler = wordSet(`
a an the this that these those there here it its itself they them their theirs he him his she her hers we us our ours you your yours i me my mine myself
am is are was were be been being do does did doing done have has had having will would shall should can could may might must
and or but nor so if then than as at by for from in into of off on onto out over to up with within without about above after again against before below between during through under until upon via per
not no yes any some each every all both either neither such only own same other another more most much many few several lot also just very too really
what which who whom whose when where why how
please help want need like let lets make sure give tell show could kindly would try know see
im ive id ill dont doesnt isnt arent cant wont whats thats theres youre lets
etc eg ie vs
able using use used based given provided specific specified particular certain various different new existing one two
me`)

func wordSet(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

// synonymGroups
var synonymGroups = strings.Split(strings.TrimSpace(`
get fetch retrieve read show view display obtain load
create add make new generate insert build define
delete remove drop erase destroy clear
update edit modify change set patch alter
search find query lookup locate discover
list enumerate show listing
send post publish message
run execute invoke call perform
move rename relocate
copy duplicate clone
write save store append record persist
download export
upload import
convert transform translate
calculate compute estimate
compare diff difference
analyze inspect examine
open launch navigate visit
connect link attach
folder directory
file document
picture image photo
repository repo
database db
document doc documentation
webpage page website site url
email mail
issue ticket bug
spreadsheet excel xlsx sheet
slide presentation ppt pptx powerpoint
weather forecast
price cost quote
location place address coordinate
user person member people
event calendar meeting
task todo
note memo
chart graph plot diagram
size large storage
history log
environment env
configuration config setting
information info detail metadata
direction route
node entity
relation relationship link
observation fact
column field schema
row record
cryptocurrency crypto bitcoin btc coin
kubernetes k8s
javascript js
typescript ts
python py
markdown md
word docx
article paper publication
news headline
audio sound music
video youtube
screenshot capture
`), "\n")

var synonyms = func() map[string][]string {
	m := map[string][]string{}
	for _, l := range synonymGroups {
		g := strings.Fields(l)
		for _, a := range g {
			for _, b := range g {
				if a != b && !slices.Contains(m[a], b) {
					m[a] = append(m[a], b)
				}
			}
		}
	}
	return m
}()

func synonymsOf(w string) []string { return synonyms[w] }
