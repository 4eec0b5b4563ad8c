#include "posix/secret_guard.h"

#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "posix/seal_key.h"
#include "posix/small_file.h"
#include "unit/manager/scratch.h"

using namespace mailpool;
using namespace mailpool::posix;

namespace {

std::string objection(mode_t mode, uid_t owner, Readers readers) {
  struct stat facts {};
  facts.st_mode = S_IFREG | mode;
  facts.st_uid = owner;
  return objection_to_secret_file(facts, readers);
}

constexpr auto key = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";

struct KeyFile {
  explicit KeyFile(mode_t mode) : path(scratch / "seal.key") {
    ::unsetenv("CREDENTIALS_DIRECTORY");
    std::ofstream(path) << key;
    ::chmod(path.c_str(), mode);
  }
  tests::Scratch scratch;
  std::string path;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(secret_guard)

BOOST_AUTO_TEST_CASE(a_secret_belongs_to_root_or_to_us) {
  for (auto const readers : {Readers::OwnerAlone, Readers::GroupToo}) {
    BOOST_TEST(objection(0600, 0, readers) == "");
    BOOST_TEST(objection(0600, ::geteuid(), readers) == "");
    BOOST_TEST(objection(0600, ::geteuid() + 1, readers).find("it belongs neither to root") == 0U);
  }
}

BOOST_AUTO_TEST_CASE(every_bit_that_lets_others_in_is_an_objection) {
  for (unsigned bit = 0; bit < 9; ++bit) {
    mode_t const mode = 0400U | (1U << bit);
    bool const is_group_read = (mode & 0377U) == 0040U;
    BOOST_TEST(objection(mode, 0, Readers::OwnerAlone).empty() == ((mode & 077U) == 0), mode);
    BOOST_TEST(
        objection(mode, 0, Readers::GroupToo).empty() == ((mode & 077U) == 0 || is_group_read),
        mode);
  }
  BOOST_TEST(objection(0666, 0, Readers::GroupToo) ==
             "its mode is 0666; others could read it: chmod 0640 or 0600");
}

BOOST_AUTO_TEST_CASE(a_seal_key_that_others_can_read_is_no_key) {
  for (mode_t const mode : {0666U, 0644U, 0604U, 0660U, 0602U}) {
    KeyFile const file(mode);
    auto const read = read_seal_keys(file.path);
    BOOST_REQUIRE(!read);
    BOOST_TEST(read.error().reason.find(file.path + ": ") == 0U);
    BOOST_TEST(read.error().reason.find("others could read it") != std::string::npos);
    BOOST_TEST(read.error().reason.find("0123456789abcdef") == std::string::npos);
  }
  for (mode_t const mode : {0600U, 0400U, 0640U, 0440U})
    BOOST_TEST(read_seal_keys(KeyFile(mode).path).has_value(), mode);
}

BOOST_AUTO_TEST_CASE(what_systemd_passes_is_guarded_by_systemd) {
  KeyFile const file(0444);
  ::setenv("CREDENTIALS_DIRECTORY", std::filesystem::path(file.path).parent_path().c_str(), 1);
  BOOST_TEST(read_seal_keys("/nowhere").has_value());
  ::unsetenv("CREDENTIALS_DIRECTORY");
}

BOOST_AUTO_TEST_SUITE_END()
