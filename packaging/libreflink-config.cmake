# find_package(libreflink): the targets libreflink::shared and libreflink::static, as far as they are installed, and
# libreflink::reflink, which is the shared one where there is one. Nothing in it is absolute: the tree may be moved.

get_filename_component(_libreflink_here "${CMAKE_CURRENT_LIST_DIR}" REALPATH)
# Written by "make install"; without it (cargo cinstall) the library is looked for where the prefix's libraries are.
set(_libreflink_libdir "")
set(_libreflink_includedir "")
set(_libreflink_native_libs "-lgcc_eh -lutil -lrt -lpthread -lm -ldl -lc")

if(_libreflink_libdir)
  get_filename_component(_libreflink_libdirs "${_libreflink_here}/${_libreflink_libdir}" ABSOLUTE)
  get_filename_component(_libreflink_includedirs "${_libreflink_here}/${_libreflink_includedir}" ABSOLUTE)
else()
  # PREFIX/share/cmake/libreflink
  get_filename_component(_libreflink_prefix "${_libreflink_here}/../../.." ABSOLUTE)
  set(_libreflink_libdirs "")
  foreach(_libreflink_dir "lib/${CMAKE_LIBRARY_ARCHITECTURE}" lib64 lib)
    list(APPEND _libreflink_libdirs "${_libreflink_prefix}/${_libreflink_dir}")
  endforeach()
  set(_libreflink_includedirs "${_libreflink_prefix}/include")
endif()

unset(_libreflink_shared CACHE)
unset(_libreflink_static CACHE)
find_library(_libreflink_shared NAMES libreflink.so PATHS ${_libreflink_libdirs} NO_DEFAULT_PATH)
find_library(_libreflink_static NAMES libreflink.a PATHS ${_libreflink_libdirs} NO_DEFAULT_PATH)
find_path(_libreflink_include NAMES libreflink.h PATHS ${_libreflink_includedirs} NO_DEFAULT_PATH)

set(libreflink_FOUND TRUE)
if(NOT _libreflink_include OR (NOT _libreflink_shared AND NOT _libreflink_static))
  set(libreflink_FOUND FALSE)
  set(libreflink_NOT_FOUND_MESSAGE "libreflink.h or the library is missing beside ${CMAKE_CURRENT_LIST_FILE}")
endif()

if(libreflink_FOUND AND _libreflink_shared AND NOT TARGET libreflink::shared)
  add_library(libreflink::shared SHARED IMPORTED)
  set_target_properties(libreflink::shared PROPERTIES
    IMPORTED_LOCATION "${_libreflink_shared}"
    IMPORTED_SONAME "libreflink.so.0"
    INTERFACE_INCLUDE_DIRECTORIES "${_libreflink_include}")
endif()
if(libreflink_FOUND AND _libreflink_static AND NOT TARGET libreflink::static)
  add_library(libreflink::static STATIC IMPORTED)
  set_target_properties(libreflink::static PROPERTIES
    IMPORTED_LOCATION "${_libreflink_static}"
    INTERFACE_LINK_LIBRARIES "${_libreflink_native_libs}"
    INTERFACE_INCLUDE_DIRECTORIES "${_libreflink_include}")
endif()
if(libreflink_FOUND AND NOT TARGET libreflink::reflink)
  add_library(libreflink::reflink INTERFACE IMPORTED)
  if(TARGET libreflink::shared)
    set_target_properties(libreflink::reflink PROPERTIES INTERFACE_LINK_LIBRARIES libreflink::shared)
  else()
    set_target_properties(libreflink::reflink PROPERTIES INTERFACE_LINK_LIBRARIES libreflink::static)
  endif()
endif()
foreach(_libreflink_component IN LISTS libreflink_FIND_COMPONENTS)
  if(NOT TARGET libreflink::${_libreflink_component})
    set(libreflink_${_libreflink_component}_FOUND FALSE)
    if(libreflink_FIND_REQUIRED_${_libreflink_component})
      set(libreflink_FOUND FALSE)
      set(libreflink_NOT_FOUND_MESSAGE "libreflink::${_libreflink_component} is not installed")
    endif()
  else()
    set(libreflink_${_libreflink_component}_FOUND TRUE)
  endif()
endforeach()

unset(_libreflink_shared CACHE)
unset(_libreflink_static CACHE)
unset(_libreflink_include CACHE)
