// What a channel leaves behind of what it read.

#include "manager/imap_channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <string>

#include "fakes/table_resolver.h"

using namespace mailpool;
using namespace mailpool::manager;

namespace {

struct Listener final : imap::ChannelEvents {
  void on_open(std::string_view, TimePoint) override {}
  void on_tls(TimePoint) override {}
  void on_input(std::string_view octets, TimePoint) override { heard += octets; }
  void on_end(std::string_view, bool, TimePoint) override {}
  void on_written(TimePoint) override {}
  void on_deadline(TimePoint) override {}
  imap::Outbox& outbox() override { return out; }
  [[nodiscard]] bool wants_input() const override { return true; }
  [[nodiscard]] TimePoint deadline() const override { return never; }

  std::string heard;
  imap::Outbox out;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(imap_channel)

BOOST_AUTO_TEST_CASE(nothing_of_what_a_client_has_sent_stays_in_the_buffer) {
  Loop loop;
  fakes::TableResolver resolver;
  ImapChannels channels(loop, resolver);
  loop.at_end_of_turn([&] { channels.flush(loop.now()); });
  std::array<int, 2> fds{};
  BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) == 0);
  Listener listener;
  auto const channel = channels.accept(fds[0], listener);
  // As long as one read can be: a password may stand anywhere in it.
  std::string const said(channels.buffer.size(), 'p');
  BOOST_REQUIRE(::send(fds[1], said.data(), said.size(), 0) == static_cast<ssize_t>(said.size()));
  for (int i = 0; i < 20 && listener.heard.size() < said.size(); ++i)
    event_base_loop(loop.base(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
  BOOST_TEST((listener.heard == said));
  BOOST_TEST(std::count(channels.buffer.begin(), channels.buffer.end(), 'p') == 0);
  ::close(fds[1]);
}

BOOST_AUTO_TEST_SUITE_END()
