#include "manager/unix_listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <fstream>

#include "unit/manager/scratch.h"

using namespace mailpool;
using namespace mailpool::manager;

namespace {

int connect_to(std::string const& path) {
  int const fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (::connect(fd, reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

bool says(Result<UnixListener> const& result, std::string_view words) {
  return !result && result.error().reason.find(words) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(unix_listener)

BOOST_AUTO_TEST_CASE(a_socket_listens_with_the_mode_asked_for_and_goes_with_its_owner) {
  tests::Scratch scratch;
  auto const path = scratch / "s";
  {
    auto const listener = listen_unix(path, 0660, "", 5);
    BOOST_REQUIRE(listener);
    struct stat found {};
    BOOST_REQUIRE(::stat(path.c_str(), &found) == 0);
    BOOST_TEST((found.st_mode & 07777U) == 0660U);
    BOOST_TEST((::fcntl(listener->fd(), F_GETFL) & O_NONBLOCK) != 0);
    BOOST_TEST((::fcntl(listener->fd(), F_GETFD) & FD_CLOEXEC) != 0);
    int const client = connect_to(path);
    BOOST_TEST(client >= 0);
    ::close(client);
  }
  BOOST_TEST(::access(path.c_str(), F_OK) != 0);
}

BOOST_AUTO_TEST_CASE(a_stale_socket_file_is_replaced) {
  tests::Scratch scratch;
  auto const path = scratch / "s";
  int const dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  BOOST_REQUIRE(::bind(dead, reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0);
  ::close(dead);
  BOOST_TEST(connect_to(path) == -1);
  auto const listener = listen_unix(path, 0600, "", 5);
  BOOST_REQUIRE(listener);
  int const client = connect_to(path);
  BOOST_TEST(client >= 0);
  ::close(client);
}

BOOST_AUTO_TEST_CASE(a_second_manager_does_not_steal_a_live_socket) {
  tests::Scratch scratch;
  auto const path = scratch / "s";
  auto const first = listen_unix(path, 0600, "", 5);
  BOOST_REQUIRE(first);
  BOOST_TEST(says(listen_unix(path, 0600, "", 5), "another mailpoold"));
  int const client = connect_to(path);
  BOOST_TEST(client >= 0);
  ::close(client);
}

BOOST_AUTO_TEST_CASE(a_listener_without_our_lock_is_not_robbed_either) {
  tests::Scratch scratch;
  auto const path = scratch / "s";
  auto const first = listen_unix(path, 0600, "", 5);
  BOOST_REQUIRE(first);
  BOOST_REQUIRE(::unlink((path + ".lock").c_str()) == 0);
  BOOST_TEST(says(listen_unix(path, 0600, "", 5), "somebody is listening"));
  BOOST_TEST(::access(path.c_str(), F_OK) == 0);
}

BOOST_AUTO_TEST_CASE(a_file_or_a_symbolic_link_in_the_way_is_left_alone) {
  tests::Scratch scratch;
  auto const file = scratch / "file";
  std::ofstream(file) << "precious";
  BOOST_TEST(says(listen_unix(file, 0600, "", 5), "not a socket"));
  BOOST_TEST(::access(file.c_str(), F_OK) == 0);
  auto const link = scratch / "link";
  BOOST_REQUIRE(::symlink(file.c_str(), link.c_str()) == 0);
  BOOST_TEST(says(listen_unix(link, 0600, "", 5), "not a socket"));
  auto const lock = scratch / "s";
  BOOST_REQUIRE(::symlink(file.c_str(), (lock + ".lock").c_str()) == 0);
  BOOST_TEST(says(listen_unix(lock, 0600, "", 5), "lock"));
}

BOOST_AUTO_TEST_CASE(an_owner_that_ends_late_leaves_its_successors_file) {
  tests::Scratch scratch;
  auto const path = scratch / "s";
  auto first = std::make_unique<UnixListener>(*listen_unix(path, 0600, "", 5));
  BOOST_REQUIRE(::rename(path.c_str(), (scratch / "moved").c_str()) == 0);
  BOOST_REQUIRE(::unlink((path + ".lock").c_str()) == 0);
  auto const second = listen_unix(path, 0600, "", 5);
  BOOST_REQUIRE(second);
  first.reset();
  BOOST_TEST(::access(path.c_str(), F_OK) == 0);
}

BOOST_AUTO_TEST_CASE(an_unknown_group_is_a_warning_and_lets_nobody_more_in) {
  tests::Scratch scratch;
  auto const listener = listen_unix(scratch / "s", 0660, "no-such-group-here", 5);
  BOOST_REQUIRE(listener);
  BOOST_TEST(listener->warning().find("no group \"no-such-group-here\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_path_that_no_socket_can_have_is_refused_in_words) {
  BOOST_TEST(says(listen_unix("", 0600, "", 5), "absolute"));
  BOOST_TEST(says(listen_unix("relative", 0600, "", 5), "absolute"));
  BOOST_TEST(says(listen_unix("/" + std::string(200, 'x'), 0600, "", 5), "longer than"));
  BOOST_TEST(says(listen_unix(std::string("/tmp/\0x", 7), 0600, "", 5), "absolute"));
  BOOST_TEST(says(listen_unix("/nowhere/at/all", 0600, "", 5), "lock"));
}

BOOST_AUTO_TEST_CASE(a_passed_socket_is_adopted_if_it_listens_and_its_file_stays) {
  tests::Scratch scratch;
  auto const path = scratch / "s";
  auto const owner = listen_unix(path, 0600, "", 5);
  BOOST_REQUIRE(owner);
  {
    auto const adopted = UnixListener::adopt(::dup(owner->fd()));
    BOOST_REQUIRE(adopted);
    BOOST_TEST(adopted->path() == path);
    BOOST_TEST((::fcntl(adopted->fd(), F_GETFD) & FD_CLOEXEC) != 0);
  }
  BOOST_TEST(::access(path.c_str(), F_OK) == 0);
  int pair[2];
  BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  BOOST_TEST(says(UnixListener::adopt(pair[0]), "not a listening"));
  BOOST_TEST(says(UnixListener::adopt(-1), "no socket"));
  auto const peer = peer_of(pair[0]);
  BOOST_REQUIRE(peer);
  BOOST_TEST(peer->uid == ::getuid());
  BOOST_TEST(peer->pid == ::getpid());
  ::close(pair[0]);
  ::close(pair[1]);
  BOOST_TEST(!peer_of(pair[0]));
}

BOOST_AUTO_TEST_SUITE_END()
