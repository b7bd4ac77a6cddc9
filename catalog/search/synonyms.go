package search

import (
	"slices"
	"strings"
	"sync"
)

// stopWords holds English words that do not tell tools apart, unless they stand in
// a tool's name.
var stopWords = sync.OnceValue(func() map[string]bool { return wordSet(stopWordList) })

const stopWordList = `
	a an the this that these those there here it its itself they them their he him his she her
	we us our ours you your yours i me my mine myself
	am is are was were be been being do does did doing done have has had having
	will would shall should can could may might must
	and or but nor so if then than as at by for from in into of off on onto out over to up with within
	without about above after again against before below between during through under until upon via per
	not no yes any some each every all both either neither such only own same other another
	more most much many few several lot also just very too really
	what which who whom whose when where why how
	please help want need like let lets make sure give tell would kindly try know see
	im ive id ill dont doesnt isnt arent cant wont whats thats theres youre
	etc eg ie vs able using use used based given provided specific specified particular certain various
	different existing one two
`

func wordSet(words string) map[string]bool {
	set := make(map[string]bool)
	for w := range strings.FieldsSeq(words) {
		set[w] = true
	}
	return set
}

// synonymGroups holds a group on each line: words that people and tools use for the
// same thing. A word may be in several groups.
const synonymGroups = `
	get fetch retrieve read view display obtain load show
	create add make generate insert build define compose produce
	create start register open setup
	delete remove drop erase destroy clear purge discard strip rid
	cancel stop abort terminate kill end
	update edit modify change set patch alter replace revise overwrite
	search find query lookup locate discover seek match
	list enumerate show browse
	check verify validate inspect status
	send post publish message notify share deliver
	run execute invoke call perform evaluate trigger
	move rename relocate transfer
	copy duplicate clone
	write save store append record persist log
	remember recall memory store
	download export save
	upload import attach
	convert transform translate change
	calculate compute estimate evaluate
	compare diff difference
	analyze inspect examine investigate
	summarize summary overview digest
	extract parse scrape crawl
	open launch navigate visit go
	connect link attach join
	disconnect detach unlink close
	merge combine join concatenate
	merge pull
	split divide separate
	count number total
	assign allocate
	approve accept confirm
	reject decline deny
	enable activate
	disable deactivate
	schedule book reserve plan
	subscribe follow watch
	draw paint sketch
	recommend suggest propose
	allow permit grant access
	buy purchase order
	pay payment charge
	folder directory
	file document
	picture image photo
	repository repo
	database db
	postgres postgresql pg
	documentation doc
	webpage page website site url web
	email mail inbox
	issue ticket bug
	spreadsheet excel xlsx sheet csv
	slide presentation ppt pptx powerpoint deck
	weather forecast temperature
	price cost quote value
	location place address coordinate
	geocode coordinate geographic
	route direction path commute
	train rail railway
	flight plane airline airfare
	hotel accommodation lodging homestay stay
	restaurant food dining
	recipe dish meal cooking
	user person member people account
	team group
	customer client
	employee staff worker
	company organization business
	event calendar meeting appointment
	task todo
	reminder alarm alert notification
	note memo
	label tag
	channel conversation chat thread
	comment reply review
	chart graph plot diagram visualization
	map location
	size large storage
	history log
	environment env
	configuration config setting
	permission role
	information info detail metadata statistic
	node entity
	relation relationship link connection
	fact observation
	column field schema
	row record
	invoice bill
	product item
	bitcoin btc cryptocurrency crypto coin
	stock share equity ticker
	currency money exchange
	metal gold silver
	kubernetes k8s
	container docker
	vm machine instance
	javascript js
	typescript ts
	python py
	markdown md
	word docx
	article paper publication literature
	artwork painting art
	news headline
	trend trending popular hot
	latest recent newest new
	audio sound music song
	video youtube movie film
	screenshot capture
	time clock date
	today current now
	duration length
	word text
	token key credential
	error exception failure
	test check
	deploy deployment release
	server host
	vulnerability security
	package dependency library
	version release
	command shell terminal
	process job
	transcript transcribe caption subtitle
	speech voice tts audio
	definition meaning dictionary
	login signin authenticate auth
`

// synonyms holds, by the stem of a word, the terms that share a group with it.
var synonyms = sync.OnceValue(func() map[uint32][]term {
	all := make(map[uint32][]term)
	for line := range strings.Lines(strings.TrimSpace(synonymGroups)) {
		group := wordsOf(line)
		for _, word := range group {
			for _, other := range group {
				known := all[word.stem()]
				if other.stem() != word.stem() && !slices.Contains(known, other) {
					all[word.stem()] = append(known, other)
				}
			}
		}
	}
	return all
})
