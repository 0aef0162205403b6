package lint

// arities are how many arguments the functions of Lua itself take, at least and at
// most; below 0: any number.
var arities = map[string]*[2]int{
	"assert": {1, -1}, "error": {1, 2}, "getmetatable": {1, 1}, "ipairs": {1, 1}, "next": {1, 2}, "pairs": {1, 1}, "pcall": {1, -1},
	"rawequal": {2, 2}, "rawget": {2, 2}, "rawset": {3, 3}, "select": {1, -1}, "setmetatable": {2, 2}, "tonumber": {1, 2},
	"tostring": {1, 1}, "type": {1, 1}, "unpack": {1, 3}, "xpcall": {2, -1},

	"string.byte": {1, 3}, "string.find": {2, 4}, "string.format": {1, -1}, "string.gmatch": {2, 2}, "string.gsub": {3, 4}, "string.len": {1, 1},
	"string.lower": {1, 1}, "string.match": {2, 3}, "string.rep": {2, 3}, "string.reverse": {1, 1}, "string.sub": {2, 3}, "string.upper": {1, 1},

	"table.concat": {1, 4}, "table.insert": {2, 3}, "table.maxn": {1, 1}, "table.remove": {1, 2}, "table.sort": {1, 2},

	"math.abs": {1, 1}, "math.ceil": {1, 1}, "math.floor": {1, 1}, "math.fmod": {2, 2}, "math.log": {1, 2}, "math.max": {1, -1}, "math.min": {1, -1},
	"math.pow": {2, 2}, "math.random": {0, 2}, "math.sqrt": {1, 1},

	"os.clock": {0, 0}, "os.date": {0, 2}, "os.difftime": {2, 2}, "os.time": {0, 1},
	"coroutine.create": {1, 1}, "coroutine.resume": {1, -1}, "coroutine.status": {1, 1}, "coroutine.wrap": {1, 1},
}
