#include "manager/body_store.h"

#include <poll.h>
#include <sys/resource.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>

#include "scratch.h"

using namespace mailpool;
using namespace mailpool::manager;
using mailpool::tests::Scratch;

namespace {

constexpr std::uint64_t kib = 1024;

std::string content_of(BodyStorage const& storage) {
  std::string all;
  std::string piece(70001, '\0');
  while (true) {
    auto const n = storage.read(all.size(), piece);
    if (n <= 0) return n < 0 ? "unreadable" : all;
    all.append(piece, 0, static_cast<std::size_t>(n));
  }
}

// `size` octets in which no two places look alike.
std::string pattern(std::size_t size) {
  std::string s;
  for (std::size_t i = 0; s.size() < size; ++i) s += std::to_string(i) + "\r\n";
  s.resize(size);
  return s;
}

bool is_readable(int fd) {
  pollfd p{fd, POLLIN, 0};
  return ::poll(&p, 1, 0) == 1;
}

// Files cannot grow beyond `octets` while it lives, as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t octets) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit const now{octets, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(FileSizeLimit const&) = delete;
  FileSizeLimit& operator=(FileSizeLimit const&) = delete;

 private:
  rlimit before_{};
};

struct Store {
  explicit Store(SpillingBodyStore::Limits limits) : store(limits, {directory / ""}) {}
  Scratch directory;
  SpillingBodyStore store;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(body_store)

BOOST_AUTO_TEST_CASE(a_body_up_to_spill_above_stays_in_memory_in_one_piece) {
  Store s({.spill_above = 64 * kib, .memory_limit = 1024 * kib});
  auto const text = pattern(64 * kib);
  auto const body = s.store.make(0);
  for (std::size_t i = 0; i < text.size(); i += kib)
    BOOST_TEST((body->append(text.substr(i, kib)) == BodyStorage::Append::Ok));
  BOOST_TEST((body->memory() == text));
  BOOST_TEST((content_of(*body) == text));
  BOOST_TEST(s.store.figures().spilled == 0U);
  BOOST_TEST(s.store.figures().memory >= text.size());
}

BOOST_AUTO_TEST_CASE(one_octet_more_goes_to_a_file_that_has_no_name) {
  Store s({.spill_above = 64 * kib, .memory_limit = 1024 * kib});
  auto const text = pattern(64 * kib + 1);
  auto const body = s.store.make(0);
  BOOST_TEST((body->append(text.substr(0, 64 * kib)) == BodyStorage::Append::Ok));
  BOOST_TEST((body->append(text.substr(64 * kib)) == BodyStorage::Append::Ok));
  BOOST_TEST(body->memory().empty());
  BOOST_TEST((content_of(*body) == text));
  s.store.wait_until_written();
  BOOST_TEST((content_of(*body) == text));
  BOOST_TEST(s.store.figures().spilled == 1U);
  BOOST_TEST(s.store.figures().disk == 64 * kib);
  BOOST_TEST(std::filesystem::is_empty(s.directory / ""));
}

BOOST_AUTO_TEST_CASE(a_large_body_reads_the_same_whether_it_is_written_yet_or_not) {
  Store s({.spill_above = 64 * kib, .memory_limit = 16 * 1024 * kib});
  auto const text = pattern(5 * 1024 * kib + 17);
  auto const body = s.store.make(text.size());
  for (std::size_t i = 0; i < text.size(); i += 50001)
    BOOST_TEST((body->append(text.substr(i, 50001)) == BodyStorage::Append::Ok));
  BOOST_TEST(body->size() == text.size());
  BOOST_TEST((content_of(*body) == text));
  s.store.wait_until_written();
  BOOST_TEST((content_of(*body) == text));
  BOOST_TEST(s.store.figures().memory <= 256 * kib);
}

BOOST_AUTO_TEST_CASE(what_bodies_held_is_given_back) {
  Store s({.spill_above = 64 * kib, .memory_limit = 16 * 1024 * kib});
  {
    auto const small = s.store.make(100);
    auto const large = s.store.make(0);
    BOOST_TEST((small->append("x\r\n") == BodyStorage::Append::Ok));
    BOOST_TEST((large->append(pattern(300 * kib)) == BodyStorage::Append::Ok));
    BOOST_TEST(s.store.figures().bodies == 2U);
  }
  s.store.wait_until_written();
  auto const figures = s.store.figures();
  BOOST_TEST(figures.bodies == 0U);
  BOOST_TEST(figures.memory == 0U);
  BOOST_TEST(figures.disk == 0U);
}

BOOST_AUTO_TEST_CASE(memory_limit_counts_all_bodies_together) {
  Store s({.spill_above = 64 * kib, .memory_limit = 100 * kib});
  auto const first = s.store.make(0);
  auto second = s.store.make(0);
  BOOST_TEST((first->append(pattern(60 * kib)) == BodyStorage::Append::Ok));
  BOOST_TEST((second->append(pattern(40 * kib)) == BodyStorage::Append::Ok));
  BOOST_TEST((second->append("x") == BodyStorage::Append::MemoryLimit));
  BOOST_TEST(s.store.figures().memory_refusals == 1U);
  second.reset();
  second = s.store.make(0);
  BOOST_TEST((second->append(pattern(40 * kib)) == BodyStorage::Append::Ok));
}

BOOST_AUTO_TEST_CASE(a_size_that_was_only_announced_is_not_taken_at_its_word) {
  Store s({.spill_above = 64 * kib, .memory_limit = 100 * kib});
  auto const first = s.store.make(UINT64_MAX - 1);
  auto const second = s.store.make(UINT64_MAX - 1);
  BOOST_TEST((first->append("x\r\n") == BodyStorage::Append::Ok));
  BOOST_TEST((second->append("y\r\n") == BodyStorage::Append::Ok));
  BOOST_TEST(second->memory() == "y\r\n");
}

BOOST_AUTO_TEST_CASE(a_disk_that_takes_nothing_is_told_and_what_was_taken_stays_readable) {
  SpillingBodyStore store({.spill_above = kib, .memory_limit = 8 * 1024 * kib},
                          {"/nonexistent/one", "/nonexistent/two"});
  auto const text = pattern(400 * kib);
  {
    auto const body = store.make(0);
    BOOST_TEST((body->append(text) == BodyStorage::Append::Ok));
    store.wait_until_written();
    BOOST_TEST((content_of(*body) == text));
    BOOST_TEST(body->wants_more());
    BOOST_TEST((body->append(text) == BodyStorage::Append::DiskFull));
    BOOST_TEST(store.figures().disk_failures == 1U);
    BOOST_TEST(store.last_error() ==
               "no temporary file: /nonexistent/one: No such file or directory; /nonexistent/two: "
               "No such file or directory");
  }
  store.wait_until_written();
  BOOST_TEST(store.figures().memory == 0U);
}

BOOST_AUTO_TEST_CASE(a_disk_that_fills_up_is_told_and_both_halves_stay_readable) {
  Store s({.spill_above = 64 * kib, .memory_limit = 64 * 1024 * kib});
  FileSizeLimit const limit(300 * kib);
  auto const text = pattern(1000 * kib);
  auto const body = s.store.make(0);
  std::size_t taken = 0;
  auto append = [&] { return body->append(std::string_view(text).substr(taken, 100 * kib)); };
  while (append() == BodyStorage::Append::Ok && taken < text.size()) {
    taken += 100 * kib;
    s.store.wait_until_written();
  }
  BOOST_TEST(taken < text.size());
  BOOST_TEST((content_of(*body).substr(0, taken) == text.substr(0, taken)));
  BOOST_TEST(s.store.last_error() == "writing a temporary file: File too large");
  BOOST_TEST(s.store.figures().disk_failures == 1U);
}

BOOST_AUTO_TEST_CASE(the_next_directory_is_tried) {
  Scratch directory;
  SpillingBodyStore store({.spill_above = kib, .memory_limit = 8 * 1024 * kib},
                          {"/nonexistent", directory / ""});
  auto const body = store.make(0);
  BOOST_TEST((body->append(pattern(400 * kib)) == BodyStorage::Append::Ok));
  store.wait_until_written();
  BOOST_TEST(store.figures().disk == 400 * kib);
  BOOST_TEST(store.last_error() == "");
}

BOOST_AUTO_TEST_CASE(a_client_faster_than_the_disk_waits_and_is_woken) {
  Store s({.spill_above = 64 * kib, .memory_limit = 64 * 1024 * kib});
  auto const body = s.store.make(0);
  auto const piece = pattern(128 * kib);
  bool waited = false;
  for (int i = 0; i < 200 && !waited; ++i) {
    BOOST_TEST((body->append(piece) == BodyStorage::Append::Ok));
    waited = !body->wants_more();
  }
  s.store.wait_until_written();
  BOOST_TEST(is_readable(s.store.caught_up_fd()) == waited);
  s.store.acknowledge();
  BOOST_TEST(!is_readable(s.store.caught_up_fd()));
  BOOST_TEST(body->wants_more());
}

BOOST_AUTO_TEST_CASE(a_body_dropped_while_it_is_written_leaves_nothing) {
  Store s({.spill_above = 64 * kib, .memory_limit = 64 * 1024 * kib});
  for (int i = 0; i < 20; ++i) {
    auto const body = s.store.make(0);
    for (int n = 0; n < 5; ++n)
      BOOST_TEST((body->append(pattern(200 * kib)) == BodyStorage::Append::Ok));
  }
  s.store.wait_until_written();
  BOOST_TEST(s.store.figures().memory == 0U);
  BOOST_TEST(s.store.figures().disk == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
