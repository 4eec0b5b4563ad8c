#include "core/message/tenant_seal.h"

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>

#include "core/base/sha256.h"

using namespace mailpool;
using namespace std::chrono_literals;

namespace {

WallTime const now{1'763'714'563s};
std::string const nonce = "\x01\x02\x03\x04\x05\x06\x07\xff";

SealKeys keys(std::string const& file) {
  return SealKeys::parse(file).value();
}

std::string const old_key(32, 'o');
std::string const new_key(64, 'n');

std::string sealed(std::string const& tenant = "shop", std::string const& sender = "a@shop.test") {
  return make_seal({tenant, {}}, sender, now, nonce, keys(new_key));
}

std::string why_not(std::string_view value, std::string_view sender = "a@shop.test",
                    WallTime when = now) {
  auto const opened = open_seal(value, sender, when, keys(new_key));
  return opened ? "opened" : opened.error().reason;
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  return text.replace(text.find(what), what.size(), by);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tenant_seal)

BOOST_AUTO_TEST_CASE(what_was_sealed_opens_to_the_tenant) {
  BOOST_TEST(open_seal(sealed(), "a@shop.test", now, keys(new_key)).value().tenant == "shop");
  BOOST_TEST(open_seal(sealed("shop", ""), "", now, keys(new_key)).value().tenant == "shop");
}

BOOST_AUTO_TEST_CASE(the_form_is_the_documented_one) {
  BOOST_TEST(sealed() ==
             "v=1; tenant=shop; time=1763714563; nonce=01020304050607ff; "
             "mac=791aefcef9d79611a6087ee7bb59bf294c63d0cd59eca7580bd33af6fc21a88d");
}

BOOST_AUTO_TEST_CASE(a_campaign_is_sealed_beside_the_tenant_or_alone) {
  for (Sealed const& what : {Sealed{"shop", "spring.26"}, Sealed{"", "spring.26"}}) {
    auto const seal = make_seal(what, "a@shop.test", now, nonce, keys(new_key));
    BOOST_TEST(seal.starts_with("v=2; tenant=" + what.tenant + "; campaign=spring.26; time="));
    BOOST_TEST((open_seal(seal, "a@shop.test", now, keys(new_key)).value() == what));
    auto const other = "the seal was made with another key or for another sender";
    BOOST_TEST(why_not(replaced(seal, "spring", "summer")) == other);
    BOOST_TEST(why_not(replaced(seal, "tenant=", "tenant=a")) == other);
    BOOST_TEST(why_not(replaced(seal, "; campaign=spring.26", "")) == "the seal is not whole");
    BOOST_TEST(why_not(replaced(replaced(seal, "; campaign=spring.26", ""), "v=2", "v=1")) !=
               "opened");
    BOOST_TEST(why_not(replaced(seal, "spring.26", "Spring")) ==
               "the seal's fields are not what they should be");
  }
}

BOOST_AUTO_TEST_CASE(an_mta_may_fold_it_and_write_the_senders_domain_in_capitals) {
  auto const folded = replaced(replaced(sealed(), "; time", ";\r\n\ttime"), "; mac", ";\n  mac");
  BOOST_TEST(why_not(folded) == "opened");
  BOOST_TEST(why_not(sealed(), "a@Shop.TEST") == "opened");
}

BOOST_AUTO_TEST_CASE(it_is_for_one_sender_alone) {
  auto const other = "the seal was made with another key or for another sender";
  BOOST_TEST(why_not(sealed(), "b@shop.test") == other);
  BOOST_TEST(why_not(sealed(), "A@shop.test") == other);
  BOOST_TEST(why_not(sealed(), "") == other);
  BOOST_TEST(why_not(sealed(), std::string(1025, 'a')) == "the sender is too long for a seal");
}

BOOST_AUTO_TEST_CASE(no_field_can_be_changed) {
  for (auto const& [what, by] :
       {std::pair{"tenant=shop", "tenant=bank"}, std::pair{"time=1763714563", "time=1763714564"},
        std::pair{"nonce=01", "nonce=02"}, std::pair{"mac=", "mac=0"}}) {
    auto value = replaced(sealed(), what, by);
    if (value.size() > sealed().size()) value.pop_back();
    BOOST_TEST(why_not(value) == "the seal was made with another key or for another sender", what);
  }
}

BOOST_AUTO_TEST_CASE(it_is_believed_for_a_week_and_not_a_second_more) {
  BOOST_TEST(why_not(sealed(), "a@shop.test", now + seal_lifetime) == "opened");
  BOOST_TEST(why_not(sealed(), "a@shop.test", now + seal_lifetime + 1s) == "the seal is too old");
}

// Whoever has the key may write any number there; in nanoseconds some of them would come round.
BOOST_AUTO_TEST_CASE(no_time_in_a_seal_comes_round_to_today) {
  for (auto const* time :
       {"9223372037", "18446744073", "20210458636", "36893488147", "38657202710", "99999999999"}) {
    auto const text = fmt::format("mailpool-seal\n1\nshop\n{}\n0102\na@shop.test", time);
    std::string mac;
    for (auto const octet : hmac_sha256(new_key, text)) mac += fmt::format("{:02x}", octet);
    BOOST_TEST(why_not(fmt::format("v=1; tenant=shop; time={}; nonce=0102; mac={}", time, mac)) ==
                   "the seal is from the future",
               time);
  }
}

BOOST_AUTO_TEST_CASE(clocks_may_differ_by_five_minutes) {
  BOOST_TEST(why_not(sealed(), "a@shop.test", now - seal_clock_skew) == "opened");
  BOOST_TEST(why_not(sealed(), "a@shop.test", now - seal_clock_skew - 1s) ==
             "the seal is from the future");
}

BOOST_AUTO_TEST_CASE(whoever_lacks_the_key_is_not_told_about_the_time) {
  auto const elsewhere =
      make_seal({"shop", {}}, "a@shop.test", now - 30 * 24h, nonce, keys(old_key));
  BOOST_TEST(why_not(elsewhere) == "the seal was made with another key or for another sender");
}

BOOST_AUTO_TEST_CASE(the_first_key_seals_and_every_key_opens) {
  auto const before = make_seal({"shop", {}}, "", now, nonce, keys(old_key));
  BOOST_TEST(open_seal(before, "", now, keys(new_key + "\n" + old_key)).value().tenant == "shop");
  auto const after = make_seal({"shop", {}}, "", now, nonce, keys(new_key + "\n" + old_key));
  BOOST_TEST(open_seal(after, "", now, keys(new_key)).value().tenant == "shop");
}

BOOST_AUTO_TEST_CASE(what_is_no_seal_is_said_to_be_none) {
  BOOST_TEST(why_not("") == "the seal has no version");
  BOOST_TEST(why_not("shop") == "the seal has no version");
  BOOST_TEST(why_not(replaced(sealed(), "v=1", "v=3")) == "the seal is of another version");
  BOOST_TEST(why_not(replaced(sealed(), "v=1", "v=2")) == "the seal is not whole");
  BOOST_TEST(why_not("v=1") == "the seal is not whole");
  BOOST_TEST(why_not(sealed() + "; tenant=bank") == "the seal is not whole");
  BOOST_TEST(why_not(replaced(sealed(), "nonce", "Nonce")) == "the seal is not whole");
  BOOST_TEST(why_not(std::string(513, 'v')) == "the seal is too long");
  auto const odd = "the seal's fields are not what they should be";
  BOOST_TEST(why_not(replaced(sealed(), "shop", "Shop")) == odd);
  BOOST_TEST(why_not(replaced(sealed(), "1763714563", "99999999999999999")) == odd);
  BOOST_TEST(why_not(sealed().substr(0, sealed().size() - 1)) == odd);
}

BOOST_AUTO_TEST_CASE(tenants_have_plain_names) {
  for (auto good : {"shop", "a", "0", "shop-2", "a.b_c"}) BOOST_TEST(is_tenant_name(good), good);
  for (auto bad : {"", "Shop", "-a", ".a", "a b", "a;b", "a\n", "caf\xc3\xa9"})
    BOOST_TEST(!is_tenant_name(bad), bad);
  BOOST_TEST(is_tenant_name(std::string(64, 'a')));
  BOOST_TEST(!is_tenant_name(std::string(65, 'a')));
}

BOOST_AUTO_TEST_CASE(a_key_file_may_have_comments_and_says_which_line_is_wrong) {
  BOOST_TEST(keys("# of today\n\n  " + new_key + "  \n" + old_key + "\n").all().size() == 2U);
  BOOST_TEST(keys(new_key + "\r\n").newest() == new_key);
  auto const wrong = [](std::string const& file) {
    auto const parsed = SealKeys::parse(file);
    return parsed ? "" : parsed.error().reason;
  };
  BOOST_TEST(wrong("") == "it holds no key (openssl rand -hex 32 makes one)");
  BOOST_TEST(wrong("#\nsecret") == "line 2: a key has 32 to 256 characters (openssl rand -hex 32)");
  BOOST_TEST(wrong(std::string(32, '\x01')) == "line 1: a key has printable ASCII characters only");
  std::string many;
  for (int i = 0; i < 9; ++i) many += new_key + "\n";
  BOOST_TEST(wrong(many) == "line 9: more than 8 keys");
}

BOOST_AUTO_TEST_SUITE_END()
