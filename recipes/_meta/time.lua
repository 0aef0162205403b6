---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---Moments and durations. A moment is a string like 2025-01-31T12:00:00Z, a duration a number of seconds.
---@class time
time = {}

---Returns the present moment, on the host's clock.
---@return string
function time.now() end

---Writes a moment in a format of strftime(3), in UTC or the given zone.
---@param moment string the moment
---@param format? string as strftime(3) has it
---@param options? time.format.options
---@return string
---@overload fun(arguments: time.format.arguments): string
function time.format(moment, format, options) end

---Reads a moment written in a format of strftime(3). Without a zone in the text it is in UTC, or in the given zone.
---@param text string the text
---@param format string as strftime(3) has it
---@param options? time.parse.options
---@return string
---@overload fun(arguments: time.parse.arguments): string
function time.parse(text, format, options) end

---Returns the moment so many seconds later, or earlier if they are negative.
---@param moment string the moment
---@param seconds number how much later
---@return string
---@overload fun(arguments: time.add.arguments): string
function time.add(moment, seconds) end

---Returns the seconds from one moment to another; negative if the other is earlier.
---@param from string a moment
---@param to string another one
---@return number
---@overload fun(arguments: time.between.arguments): number
function time.between(from, to) end

---Returns a moment as seconds since 1970.
---@param moment string the moment
---@return integer
---@overload fun(arguments: time.unix.arguments): integer
function time.unix(moment) end

---Returns the moment that is so many seconds after 1970 began.
---@param seconds integer seconds since 1970
---@return string
---@overload fun(arguments: time.from_unix.arguments): string
function time.from_unix(seconds) end

---Writes a duration for people: 1h02m03s, 4d05h06m.
---@param seconds number the duration
---@return string
---@overload fun(arguments: time.duration.arguments): string
function time.duration(seconds) end

---Reads a duration like 90s, 15m, 1h30m or 2d, and returns its seconds.
---@param text string the duration
---@return number
---@overload fun(arguments: time.seconds.arguments): number
function time.seconds(text) end

---@class time.format.options
---@field zone? string a zone like Europe/Rome ("UTC" by default)

---@class time.format.arguments
---@field moment string the moment
---@field format? string as strftime(3) has it ("%Y-%m-%d %H:%M:%S" by default)
---@field zone? string a zone like Europe/Rome ("UTC" by default)

---@class time.parse.options
---@field zone? string the zone of a text that names none ("UTC" by default)

---@class time.parse.arguments
---@field text string the text
---@field format string as strftime(3) has it
---@field zone? string the zone of a text that names none ("UTC" by default)

---@class time.add.arguments
---@field moment string the moment
---@field seconds number how much later

---@class time.between.arguments
---@field from string a moment
---@field to string another one

---@class time.unix.arguments
---@field moment string the moment

---@class time.from_unix.arguments
---@field seconds integer seconds since 1970

---@class time.duration.arguments
---@field seconds number the duration

---@class time.seconds.arguments
---@field text string the duration
