// SPDX-License-Identifier: MIT OR Apache-2.0
//
// clone_tree SOURCE DEST: copies a directory with all that is in it, sharing the blocks of every
// file where that can be, and asks the file system for the proof. A C++17 program to start from:
// libreflink.hpp, a function that is called for each entry, errors as exceptions, totals from the
// result.

#include <exception>
#include <filesystem>
#include <iostream>
#include <stdexcept>

#include <fcntl.h>
#include <unistd.h>

#include <libreflink.hpp>

namespace fs = std::filesystem;

namespace
{

class open_file
{
  public:
    explicit open_file(const fs::path &name)
        : fd_(open(name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC))
    {
    }
    ~open_file()
    {
        if (fd_ >= 0)
            close(fd_);
    }
    open_file(const open_file &) = delete;
    open_file &operator=(const open_file &) = delete;

    operator int() const
    {
        return fd_;
    }

  private:
    int fd_;
};

// Whether the file system says that all of both files lies at one place.
bool proven(const fs::path &one, const fs::path &other)
{
    std::error_code error; // then nothing is proven
    const open_file a(one), b(other);
    return libreflink::shared(a, 0, b, 0, libreflink::to_eof, libreflink::map_flags::none, error)
               .verdict == libreflink::verdict::all;
}

void prove(const fs::path &source, const fs::path &dest)
{
    unsigned long good = 0, all = 0;
    for (const fs::directory_entry &entry : fs::recursive_directory_iterator(dest)) {
        if (entry.is_symlink() || !entry.is_regular_file() || entry.file_size() == 0)
            continue;
        all++;
        if (proven(source / entry.path().lexically_relative(dest), entry.path()))
            good++;
    }
    std::cout << good << " of " << all << " names of files with data are proven to share it\n";
}

} // namespace

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
        prove(argv[1], argv[2]);
        if (!std::cout.flush())
            throw std::runtime_error("cannot print");
    } catch (const libreflink::error &error) {
        std::cerr << libreflink::describe(error) << '\n';
        return 1;
    } catch (const std::exception &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
    return 0;
}
