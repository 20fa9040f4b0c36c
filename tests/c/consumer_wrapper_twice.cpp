// A second translation unit with libreflink.hpp: everything in it is inline, so that both link
// together.
#include <libreflink.hpp>

bool has_the_same_category(const std::error_category &category);

bool has_the_same_category(const std::error_category &category)
{
    return category == libreflink::category();
}
