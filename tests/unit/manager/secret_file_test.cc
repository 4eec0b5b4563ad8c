#include "manager/secret_file.h"

#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>

#include "unit/manager/scratch.h"

using namespace mailpool;
using namespace mailpool::manager;
using namespace std::chrono_literals;

namespace {

struct Files {
  std::string write(std::string const& name, std::string const& text, mode_t mode = 0600) {
    auto const path = scratch / name;
    std::ofstream(path, std::ios::binary) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  tests::Scratch scratch;
};

std::string reason_of(Result<Secret> const& secret) {
  return secret ? "no error" : secret.error().reason;
}

Result<Secret> said_by(std::string const& script, Duration timeout = 10s) {
  std::atomic<bool> const is_unwanted = false;
  return read_secret_from({"/bin/sh", "-c", script}, timeout, is_unwanted);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(secret_file)

BOOST_AUTO_TEST_CASE(the_first_line_of_a_private_file_is_the_secret) {
  Files files;
  BOOST_TEST(read_secret_file(files.write("a", "correct horse\n")).value().is("correct horse"));
  BOOST_TEST(read_secret_file(files.write("b", "x\r\nsecond line\n", 0400)).value().is("x"));
  BOOST_TEST(read_secret_file(files.write("c", "no end of line")).value().is("no end of line"));
}

BOOST_AUTO_TEST_CASE(a_file_that_others_could_read_is_refused_and_its_content_not_shown) {
  Files files;
  for (mode_t const mode : {0640U, 0604U, 0660U, 0644U}) {
    auto const path = files.write("open", "correct horse\n", mode);
    auto const reason = reason_of(read_secret_file(path));
    BOOST_TEST(reason.find("others could read it: chmod 0600") != std::string::npos, reason);
    BOOST_TEST(reason.find("horse") == std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_secret_is_refused_in_words) {
  Files files;
  auto const ends = [](std::string const& reason, std::string_view words) {
    BOOST_TEST(reason.ends_with(words), reason);
  };
  ends(reason_of(read_secret_file("/nowhere/at/all")), "No such file or directory");
  ends(reason_of(read_secret_file("/")), "not a regular file");
  ends(reason_of(read_secret_file(files.write("e", "\nx\n"))), "its first line is empty");
  ends(reason_of(read_secret_file(files.write("n", std::string("a\0b\n", 4)))),
       "its first line has control characters");
  ends(reason_of(read_secret_file(files.write("l", std::string(70'000, 'x')))),
       "it is longer than 64 KiB");
}

BOOST_AUTO_TEST_CASE(a_name_without_a_slash_is_a_systemd_credential) {
  Files files;
  auto const path = files.write("smarthost", "from systemd\n", 0440);
  ::unsetenv("CREDENTIALS_DIRECTORY");
  BOOST_TEST(!read_secret_file("smarthost").has_value());
  ::setenv("CREDENTIALS_DIRECTORY", path.substr(0, path.rfind('/')).c_str(), 1);
  BOOST_TEST(read_secret_file("smarthost").value().is("from systemd"));
  ::unsetenv("CREDENTIALS_DIRECTORY");
}

BOOST_AUTO_TEST_CASE(a_program_says_the_token) {
  BOOST_TEST(said_by("echo token; echo more").value().is("token"));
}

BOOST_AUTO_TEST_CASE(a_program_that_fails_gives_no_token) {
  BOOST_TEST(reason_of(said_by("echo token; exit 3")) == "\"/bin/sh\": it ended with 3");
  BOOST_TEST(reason_of(said_by("kill -9 $$")) == "\"/bin/sh\": it was ended by signal 9");
  BOOST_TEST(reason_of(said_by("true")) == "the output of \"/bin/sh\": its first line is empty");
  BOOST_TEST(reason_of(said_by("head -c 100000 /dev/zero")) ==
             "\"/bin/sh\": more than 64 KiB of output");
  std::atomic<bool> const is_unwanted = false;
  BOOST_TEST(reason_of(read_secret_from({"/nowhere"}, 1s, is_unwanted)) ==
             "\"/nowhere\": No such file or directory");
}

BOOST_AUTO_TEST_CASE(a_program_that_hangs_is_killed_with_its_children) {
  auto const began = std::chrono::steady_clock::now();
  BOOST_TEST(reason_of(said_by("sleep 60 & sleep 60", 100ms)) ==
             "\"/bin/sh\": it took longer than 100ms (command_timeout)");
  BOOST_TEST(reason_of(said_by("exec >&-; sleep 60", 100ms)) ==
             "\"/bin/sh\": it took longer than 100ms (command_timeout)");
  BOOST_CHECK(std::chrono::steady_clock::now() - began < 30s);
}

BOOST_AUTO_TEST_CASE(nobody_waits_for_a_program_when_the_manager_stops) {
  std::atomic<bool> const is_unwanted = true;
  BOOST_TEST(reason_of(read_secret_from({"/bin/sleep", "60"}, 60s, is_unwanted)) ==
             "mailpoold is stopping");
}

BOOST_AUTO_TEST_SUITE_END()
