// Whose fault it is that no socket can be made, with the limits of a real process.

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>

#include "posix/shortage.h"

using namespace mailpool::posix;

namespace {

/// Nothing more can be opened while it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    (void)shortage_words(
        EMFILE);  // UBSan wants descriptors of its own where it meets a class first
    getrlimit(RLIMIT_NOFILE, &before_);
    int const lowest_free = open("/dev/null", O_RDONLY | O_CLOEXEC);
    BOOST_REQUIRE(lowest_free >= 0);
    close(lowest_free);
    auto lowered = before_;
    lowered.rlim_cur = static_cast<rlim_t>(lowest_free);
    BOOST_REQUIRE(setrlimit(RLIMIT_NOFILE, &lowered) == 0);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(shortages)

BOOST_AUTO_TEST_CASE(a_process_at_its_limit_is_short_and_told_of_limitnofile) {
  int fd = 0;
  int error = 0;
  std::string words;
  {
    NoDescriptors const none;
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    error = errno;
    words = shortage_words(error);
  }
  BOOST_REQUIRE(fd < 0);
  BOOST_TEST(is_shortage(error));
  BOOST_TEST(words.starts_with("Too many open files (this process may open "), words);
  BOOST_TEST(words.ends_with(": raise LimitNOFILE)"), words);
}

BOOST_AUTO_TEST_CASE(an_address_that_is_not_here_is_no_shortage) {
  int const fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  BOOST_REQUIRE(fd >= 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(0xC6336401);  // 198.51.100.1, nobody's
  int const bound = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  int const error = errno;
  close(fd);
  BOOST_REQUIRE(bound < 0);
  BOOST_TEST(error == EADDRNOTAVAIL);
  BOOST_TEST(!is_shortage(error));
}

BOOST_AUTO_TEST_CASE(only_what_is_short_here_is_a_shortage) {
  for (int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM}) BOOST_TEST(is_shortage(error));
  for (int error : {EADDRNOTAVAIL, EADDRINUSE, ECONNREFUSED, ETIMEDOUT, ENETUNREACH, EHOSTUNREACH,
                    EACCES, EPERM, EAFNOSUPPORT, EAGAIN, EINPROGRESS})
    BOOST_TEST(!is_shortage(error), error);
  BOOST_TEST(shortage_words(ENFILE) ==
             "Too many open files in system (of the whole machine: raise fs.file-max)");
  BOOST_TEST(shortage_words(ENOBUFS) == "No buffer space available (memory for sockets is short)");
}

BOOST_AUTO_TEST_SUITE_END()
