// What a server offered is shown to the first client after a restart, if it can be believed.

#include <boost/test/unit_test.hpp>

#include "core/imap/profile.h"
#include "fakes/contains.h"
#include "fakes/imap_world.h"

using namespace mailpool;
using namespace mailpool::imap;
using mailpool::tests::ImapWorld;

namespace {

constexpr auto place = "test one.example:993";

}  // namespace

BOOST_AUTO_TEST_SUITE(memory)

BOOST_AUTO_TEST_CASE(the_first_client_after_a_restart_is_told_what_the_last_one_before_was) {
  ImapWorld before(ImapWorld::settings());
  BOOST_TEST(!contains(before.connect().line->heard, "UNSELECT"));
  before.log_in("anna", "a-secret");
  auto const list = ascii_upper(before.server().capabilities);
  BOOST_TEST(before.kept_capabilities.at(place) == list + " | " + list);

  ImapWorld after(ImapWorld::settings());
  after.kept_capabilities = before.kept_capabilities;
  after.profile = std::make_unique<Profile>(ImapWorld::settings(), "", after.context);
  BOOST_TEST(contains(after.connect().line->heard, "UNSELECT"));
}

BOOST_AUTO_TEST_CASE(what_another_server_offered_is_not_what_this_one_does) {
  ImapWorld world(ImapWorld::settings());
  world.log_in("anna", "a-secret");
  auto elsewhere = ImapWorld::settings();
  elsewhere.server = {{"two.example", 993}};
  world.servers["two.example"];
  world.profile->reconfigure(elsewhere, "", world.now);
  world.turn();
  BOOST_TEST(!contains(world.connect().line->heard, "UNSELECT"));
}

BOOST_AUTO_TEST_CASE(a_record_that_is_not_one_is_not_believed) {
  for (auto const* record : {"", "UNSELECT", "imap4rev1", "IMAP4REV1  IDLE", "IMAP4REV1 ] evil",
                             "IMAP4REV1 {5}", "IMAP4REV1 IDLE IDLE", "IMAP4REV1\r\n* BYE"})
    BOOST_TEST(!Capabilities::from_record(record).has_value(), record);
  auto const good = Capabilities::from_record("IMAP4REV1 IDLE AUTH=PLAIN");
  BOOST_REQUIRE(good.has_value());
  BOOST_TEST(good->has("IDLE"));
  BOOST_TEST(good->to_record() == "IMAP4REV1 IDLE AUTH=PLAIN");
}

BOOST_AUTO_TEST_CASE(a_record_has_the_lists_after_and_before_the_login) {
  auto const both = Offer::from_record("IMAP4REV1 IDLE | IMAP4REV1 AUTH=PLAIN");
  BOOST_REQUIRE(both.has_value());
  BOOST_TEST(both->to_record() == "IMAP4REV1 IDLE | IMAP4REV1 AUTH=PLAIN");
  BOOST_TEST(!contains(both->for_greeting(), "XOAUTH2"));
  auto const of_old = Offer::from_record("IMAP4REV1 IDLE");
  BOOST_REQUIRE(of_old.has_value());
  BOOST_TEST(contains(of_old->for_greeting(), "XOAUTH2"));
  for (auto const* record : {"IMAP4REV1 IDLE | ", "IMAP4REV1 | evil", " | IMAP4REV1"})
    BOOST_TEST(!Offer::from_record(record).has_value(), record);
}

BOOST_AUTO_TEST_CASE(a_word_that_could_end_the_list_it_stands_in_is_no_capability) {
  Capabilities const read("IMAP4rev1 X]Y \"Q\" A(B LITERAL+ C%D E*F G\\H {3} CONTEXT=SEARCH");
  BOOST_TEST(read.to_record() == "IMAP4REV1 LITERAL+ CONTEXT=SEARCH");
}

BOOST_AUTO_TEST_SUITE_END()
