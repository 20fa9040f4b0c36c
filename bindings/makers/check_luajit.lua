-- LuaJIT's parser over the declarations, against the library. usage: check_luajit.lua DECLARATIONS LIBRARY LAYOUT SRC DST

local ffi = require("ffi")
local declarations, library, layout, src, dst = unpack(arg)
ffi.cdef(assert(io.open(declarations)):read("*a"))
local lib = ffi.load(library)

for line in io.lines(layout) do
    local kind, member, number = line:match("^([%w_]+)%.?([%w_]*) (%d+)$")
    local type = "struct " .. kind
    local found = member == "" and ffi.sizeof(type) or ffi.offsetof(type, member)
    assert(found == tonumber(number), line)
end

local done = 0ULL
local options = ffi.new("struct reflink_options", { size = ffi.sizeof("struct reflink_options"), if_exists = 0x10 })
options.progress = function(_, now)
    done = now.bytes_done
    return 0
end
local result = ffi.new("struct reflink_result", { size = ffi.sizeof("struct reflink_result") })
assert(lib.reflink_copy_file(src, dst, options, result) == 0)
assert(result.bytes_cloned + result.bytes_copied + result.bytes_hole == done and done > 0)
options.if_exists, options.progress, options.flags = 0, nil, 0x100000000ULL
local code = lib.reflink_copy_file(src, dst, options, result)
assert(ffi.string(lib.reflink_err_name(code)) == "EEXIST")
