/* What the C compiler says of the header: every maker's binding must say the same. */
#include <libreflink.h>
#include <stdio.h>

#define SIZE(type)           printf("%s %zu\n", #type, sizeof(struct type))
#define OFFSET(type, member) printf("%s.%s %zu\n", #type, #member, offsetof(struct type, member))

int main(void)
{
    SIZE(reflink_progress);
    SIZE(reflink_options);
    SIZE(reflink_result);
    SIZE(reflink_capability);
    OFFSET(reflink_options, flags);
    OFFSET(reflink_options, progress);
    OFFSET(reflink_options, user);
    OFFSET(reflink_result, clone_error);
    OFFSET(reflink_result, bytes_hole);
    OFFSET(reflink_capability, granularity);
    OFFSET(reflink_capability, fs_name);
    return 0;
}
