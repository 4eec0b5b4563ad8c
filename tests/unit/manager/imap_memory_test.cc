// What IMAP servers offered, in the state database.

#include "manager/imap_memory.h"

#include <boost/test/unit_test.hpp>

#include "fakes/memory_store.h"

using namespace mailpool;
using manager::ImapMemory;
using state::Kind;

BOOST_AUTO_TEST_SUITE(imap_memory)

BOOST_AUTO_TEST_CASE(what_is_kept_is_there_after_a_restart) {
  fakes::MemoryStore store;
  {
    ImapMemory memory(store);
    BOOST_TEST(!memory.capabilities("a one:993").has_value());
    memory.keep_capabilities("a one:993", "IMAP4REV1 IDLE");
    BOOST_TEST(memory.capabilities("a one:993").value() == "IMAP4REV1 IDLE");
  }
  store.restart(std::chrono::system_clock::now());
  ImapMemory memory(store);
  BOOST_TEST(memory.capabilities("a one:993").value() == "IMAP4REV1 IDLE");
  BOOST_TEST(!memory.capabilities("b one:993").has_value());
}

BOOST_AUTO_TEST_CASE(each_login_says_the_same_and_is_written_once) {
  fakes::MemoryStore store;
  ImapMemory memory(store);
  for (int i = 0; i < 100; ++i) memory.keep_capabilities("a one:993", "IMAP4REV1");
  BOOST_TEST(store.puts == 1U);
  memory.keep_capabilities("a one:993", "IMAP4REV1 IDLE");
  BOOST_TEST(store.puts == 2U);
}

BOOST_AUTO_TEST_CASE(servers_that_programs_name_take_a_bounded_place) {
  fakes::MemoryStore store;
  ImapMemory memory(store);
  auto const most = state::most_records(Kind::ImapCapabilities);
  for (std::size_t i = 0; i < most + 10; ++i)
    memory.keep_capabilities("dynamic:" + std::to_string(i), "IMAP4REV1");
  BOOST_TEST(store.size(Kind::ImapCapabilities) == most);
  memory.keep_capabilities("dynamic:0", "IMAP4REV1 IDLE");
  BOOST_TEST(memory.capabilities("dynamic:0").value() == "IMAP4REV1 IDLE");
}

BOOST_AUTO_TEST_SUITE_END()
