// SPDX-License-Identifier: MIT OR Apache-2.0
//
// clone_tree SOURCE DEST: copies a directory with all that is in it, sharing the blocks of every
// file where that can be. A C++17 program to start from: libreflink.hpp, a function that is called
// for each entry, errors as exceptions, totals from the result.

#include <exception>
#include <iostream>

#include <libreflink.hpp>

int main(int argc, char **argv)
{
    if (argc != 3) {
        std::cerr << "usage: clone_tree SOURCE DEST\n";
        return 2;
    }
    try {
        libreflink::tree_options options;
        options.preserve = libreflink::preserve::times;
        options.flags = libreflink::tree_flags::tree_skip_special;
        options.threads = 2;
        options.on_done = [](const libreflink::tree_entry &entry) {
            if (entry.method == libreflink::method::copy)
                std::cerr << entry.path << " was copied, not cloned\n";
            return true;
        };
        const libreflink::tree_result all = libreflink::copy_tree(argv[1], argv[2], options);
        std::cout << all.files << " files: " << all.bytes_cloned << " bytes shared, "
                  << all.bytes_copied << " copied, " << all.bytes_hole << " in holes\n";
        if (all.specials_left_out > 0)
            std::cout << all.specials_left_out << " left out that are no files\n";
    } catch (const libreflink::error &error) {
        std::cerr << libreflink::describe(error) << '\n';
        return 1;
    } catch (const std::exception &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
    return 0;
}
