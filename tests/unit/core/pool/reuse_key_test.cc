// The reuse key: every field decides.
#include "core/pool/reuse_key.h"

#include <boost/test/unit_test.hpp>

using namespace mailpool;
using namespace mailpool::pool;

// Each field once. What is left out here does not compile below.
#define REUSE_KEY_FIELDS(X) \
  X(mx_host)                \
  X(address)                \
  X(source)                 \
  X(ehlo_name)              \
  X(credential)             \
  X(client_certificate)     \
  X(tls_settings)           \
  X(port)                   \
  X(protocol)               \
  X(tls)                    \
  X(tls_required_no)

static_assert(sizeof(void*) != 8 || sizeof(ReuseKey) == 288,
              "a new field changes who may share a connection: list it above, fill it in "
              "Site::key_for, and let a site flip it (delivery/reuse_key_test.cc)");

namespace {

void flip(std::string& field) {
  field += "x";
}
void flip(IpAddress& field) {
  field = IpAddress::v4({192, 0, 2, 77});
}
void flip(std::uint16_t& field) {
  ++field;
}
void flip(std::uint64_t& field) {
  ++field;
}
void flip(bool& field) {
  field = !field;
}
void flip(Protocol& field) {
  field = Protocol::Imap;
}
void flip(WireTls& field) {
  field = WireTls::Implicit;
}
void flip(Credential& field) {
  flip(field.version);
}

template <class T>
void differs(ReuseKey const& flipped, T const& what) {
  ReuseKey const key;
  BOOST_TEST((flipped != key), what << " does not decide");
  BOOST_TEST((flipped < key) != (key < flipped), what << " has no order");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(reuse_key)

BOOST_AUTO_TEST_CASE(two_keys_are_equal_only_if_every_field_is) {
  std::size_t fields = 0;
#define FLIP(field)           \
  {                           \
    ReuseKey flipped;         \
    flip(flipped.field);      \
    differs(flipped, #field); \
    ++fields;                 \
  }
  REUSE_KEY_FIELDS(FLIP)
#undef FLIP
  // A structured binding names all members or does not compile: the list above is complete.
  ReuseKey const key;
  auto const& [a, b, c, d, e, f, g, h, i, j, k] = key;
  BOOST_TEST(fields == 11U);
  (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
  (void)g, (void)h, (void)i, (void)j, (void)k;
}

BOOST_AUTO_TEST_CASE(every_part_of_a_credential_decides) {
  Credential const key;
  auto const& [mechanism, user, sender_domain, version] = key;
  (void)mechanism, (void)user, (void)sender_domain, (void)version;
  for (auto member : {&Credential::mechanism, &Credential::user, &Credential::sender_domain}) {
    Credential flipped;
    flip(flipped.*member);
    BOOST_TEST((flipped != key));
  }
  Credential flipped;
  flip(flipped.version);
  BOOST_TEST((flipped != key));
}

BOOST_AUTO_TEST_CASE(an_ipv6_scope_is_part_of_an_address) {
  ReuseKey one;
  ReuseKey other;
  one.address = IpAddress::v6({0xfe, 0x80}, 1);
  other.address = IpAddress::v6({0xfe, 0x80}, 2);
  BOOST_TEST((one != other));
}

BOOST_AUTO_TEST_SUITE_END()
