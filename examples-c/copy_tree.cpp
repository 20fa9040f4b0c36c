// SPDX-License-Identifier: MIT OR Apache-2.0
//
// copy_tree SOURCE DEST: copies a directory with all that is in it, sharing the blocks of every
// file where that can be. A C++17 program to start from: libreflink.hpp beside std::filesystem,
// errors as exceptions, totals from the results.

#include <cstdint>
#include <exception>
#include <filesystem>
#include <iostream>
#include <system_error>

#include <libreflink.hpp>

namespace fs = std::filesystem;

namespace
{

struct totals {
    std::uintmax_t files = 0;
    std::uintmax_t cloned = 0;
    std::uintmax_t copied = 0;
    std::uintmax_t holes = 0;
    std::uintmax_t left_out = 0;
};

void copy_regular(const fs::path &from, const fs::path &to, totals &all)
{
    libreflink::options options;
    options.preserve = libreflink::preserve::times;
    options.flags = libreflink::flags::nofollow; // it was a file when it was looked at
    const libreflink::result result = libreflink::copy_file(from, to, options);
    ++all.files;
    all.cloned += result.bytes_cloned;
    all.copied += result.bytes_copied;
    all.holes += result.bytes_hole;
    if (result.source_changed)
        std::cerr << from << " changed while it was copied\n";
}

// The destination's permissions are the last thing that is set: a directory may not be writable.
void copy_directory(const fs::path &from, const fs::path &to, totals &all)
{
    fs::create_directory(to);
    for (const fs::directory_entry &entry : fs::directory_iterator(from)) {
        const fs::path target = to / entry.path().filename();
        if (entry.is_symlink())
            fs::copy_symlink(entry.path(), target);
        else if (entry.is_directory())
            copy_directory(entry.path(), target, all);
        else if (entry.is_regular_file())
            copy_regular(entry.path(), target, all);
        else
            ++all.left_out; // a FIFO, a socket, a device
    }
    fs::permissions(to, fs::status(from).permissions());
}

// Whether `inner` lies within `outer`: a copy into itself would never end.
bool within(const fs::path &inner, const fs::path &outer)
{
    const fs::path relative = fs::weakly_canonical(inner).lexically_relative(fs::canonical(outer));
    return !relative.empty() && *relative.begin() != "..";
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 3) {
        std::cerr << "usage: copy_tree SOURCE DEST\n";
        return 2;
    }
    const fs::path source = argv[1], dest = argv[2];
    try {
        if (fs::exists(fs::symlink_status(dest)))
            throw fs::filesystem_error("copy_tree", dest,
                                       std::make_error_code(std::errc::file_exists));
        if (within(dest, source))
            throw fs::filesystem_error("copy_tree", source, dest,
                                       std::make_error_code(std::errc::invalid_argument));
        totals all;
        copy_directory(source, dest, all);
        std::cout << all.files << " files: " << all.cloned << " bytes shared, " << all.copied
                  << " copied, " << all.holes << " in holes\n";
        if (all.left_out > 0)
            std::cout << all.left_out << " left out that are no files\n";
    } catch (const libreflink::error &error) {
        std::cerr << libreflink::describe(error) << '\n';
        return 1;
    } catch (const std::exception &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
    return 0;
}
