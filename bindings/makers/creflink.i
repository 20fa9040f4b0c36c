// For SWIG: the header as it is. A structure's constructor sets its size; SWIG's own would leave that 0 (-EINVAL).
%module creflink
%{
#include <libreflink.h>
#include <stdlib.h>
%}
%include <stdint.i>

%define WITH_SIZE(NAME, INIT)
%extend NAME {
    NAME() {
        struct NAME *made = malloc(sizeof *made);
        struct NAME initial = INIT;
        if (made)
            *made = initial;
        return made;
    }
}
%enddef
WITH_SIZE(reflink_options, REFLINK_OPTIONS_INIT)
WITH_SIZE(reflink_result, REFLINK_RESULT_INIT)
WITH_SIZE(reflink_capability, REFLINK_CAPABILITY_INIT)
WITH_SIZE(reflink_extents_result, REFLINK_EXTENTS_RESULT_INIT)
WITH_SIZE(reflink_shared_result, REFLINK_SHARED_RESULT_INIT)
WITH_SIZE(reflink_dedupe_options, REFLINK_DEDUPE_OPTIONS_INIT)
WITH_SIZE(reflink_dedupe_result, REFLINK_DEDUPE_RESULT_INIT)
WITH_SIZE(reflink_tree_options, REFLINK_TREE_OPTIONS_INIT)
WITH_SIZE(reflink_tree_result, REFLINK_TREE_RESULT_INIT)

%include <libreflink.h>
