// Every row of the table of verdicts has a test of its name here, on fresh and on reused
// connections as the row says. A test that has to pass another row on its way names it ("stands
// on"); tests/flip-rows breaks each row in turn and expects its own test to notice.
#include <boost/test/tree/traverse.hpp>
#include <boost/test/tree/visitor.hpp>
#include <boost/test/unit_test.hpp>
#include <functional>
#include <set>

#include "core/smtp/verdicts.h"
#include "unit/core/smtp/talk.h"

using namespace mailpool;
using namespace mailpool::smtp;
using namespace mailpool::smtp::testing;
namespace utf = boost::unit_test;

namespace {

// How far apart the commands are.
enum class By { LockStep, Pipelining, Chunking, OneFlight };

constexpr std::string_view ok = "250 2.0.0 ok\r\n";
constexpr std::string_view go = "354 go ahead\r\n";

std::vector<std::string_view> extensions_for(By by) {
  switch (by) {
    case By::LockStep:
      return {};
    case By::Pipelining:
      return {"PIPELINING"};
    case By::Chunking:
      return {"CHUNKING"};
    case By::OneFlight:
      return {"PIPELINING", "CHUNKING"};
  }
  return {};
}

struct Recipient {
  std::string_view reply;  // how its line to the MTA begins
  bool may_retry = false;
  bool is_ambiguous = false;
};

// What has become of the connection.
enum class Then { Idle, Reset, Quit, Closed, Poisoned };

struct Story : Talk {
  Story(By by, bool reused, std::size_t recipients = 1) {
    connected(extensions_for(by));
    if (reused) {
      Mail first;
      start(first.transaction);
      server(ok).server(ok);
      if (by == By::LockStep || by == By::Pipelining) server(go);
      server(ok);
      BOOST_TEST(is_delivered(result()));
    }
    if (recipients == 2) mail.transaction.recipients.emplace_back("v@example.com");
    events.clear();
    start(mail.transaction);
    sent();
  }

  void ends(std::vector<Recipient> const& expected, Retry retry, Then then) {
    auto const over = result();
    BOOST_REQUIRE_EQUAL(over.results.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      auto const& got = over.results[i];
      auto const line = got.outcome.reply_line();
      BOOST_TEST(line.starts_with(expected[i].reply), line);
      BOOST_TEST(got.may_retry == expected[i].may_retry);
      BOOST_TEST(got.outcome.ambiguous == expected[i].is_ambiguous);
      bool const warns = line.find("message may be delivered more than once") != std::string::npos;
      BOOST_TEST(warns == expected[i].is_ambiguous);
    }
    BOOST_TEST((over.retry == retry), name_of(over.retry));
    auto const state = session.state();
    auto const closed = take<Closed>();
    bool const is_closed = then == Then::Closed || then == Then::Poisoned;
    BOOST_TEST(closed.has_value() == is_closed);
    if (closed) BOOST_TEST(closed->protocol_error == (then == Then::Poisoned));
    BOOST_TEST((state == State::Closed) == is_closed);
    BOOST_TEST((state == State::Idle) == (then == Then::Idle));
    BOOST_TEST((state == State::Checking) == (then == Then::Reset));
    BOOST_TEST((state == State::Quit) == (then == Then::Quit));
    BOOST_TEST(!take<Finished>().has_value());
  }

  Mail mail;
};

// Tells the story on a fresh and on a reused connection.
void on_both(By by, std::function<void(Story&)> const& tell, std::size_t recipients = 1) {
  for (bool reused : {false, true}) {
    BOOST_TEST_CONTEXT((reused ? "reused" : "fresh")) {
      Story story(by, reused, recipients);
      tell(story);
    }
  }
}

constexpr bool fresh = false;
constexpr bool reused = true;
constexpr Retry nothing = Retry::Nothing;

}  // namespace

BOOST_AUTO_TEST_SUITE(rows)

// MAIL FROM

BOOST_AUTO_TEST_CASE(mail_421_reused) {
  for (auto by : {By::LockStep, By::Pipelining}) {
    Story story(by, reused);
    story.server("421 4.7.0 bye\r\n");
    story.ends({{"451 4.7.0 mx.example.com[192.0.2.1]:25 said: 421 4.7.0 bye", true}},
               Retry::FreshConnection, Then::Closed);
  }
}

BOOST_AUTO_TEST_CASE(mail_421_fresh) {
  Story story(By::LockStep, fresh);
  story.server("421 4.7.0 bye\r\n");
  story.ends({{"451 4.7.0"}}, nothing, Then::Closed);
}

BOOST_AUTO_TEST_CASE(mail_session_4xx_reused) {
  for (auto code : {"450", "451", "452"}) {
    Story story(By::LockStep, reused);
    story.server(std::string(code) + " 4.7.1 too many messages\r\n");
    story.ends({{std::string(code) + " 4.7.1", true}}, Retry::FreshConnection, Then::Quit);
  }
}

BOOST_AUTO_TEST_CASE(mail_state_fault_reused) {
  for (auto code : {"500", "501", "502", "503", "555"}) {
    Story story(By::LockStep, reused);
    story.server(std::string(code) + " 5.5.1 nested MAIL\r\n");
    story.ends({{"451 4.5.1", true}}, Retry::FreshConnection,
               Then::Quit);  // must not bounce, even if no connection can be had
  }
}

BOOST_AUTO_TEST_CASE(mail_4xx) {
  Story on_fresh(By::LockStep, fresh);
  on_fresh.server("451 4.7.1 later\r\n");
  on_fresh.ends({{"451 4.7.1"}}, nothing, Then::Reset);
  Story on_reused(By::LockStep, reused);
  on_reused.server("455 4.7.1 later\r\n");
  on_reused.ends({{"455 4.7.1"}}, nothing, Then::Reset);
}

BOOST_AUTO_TEST_CASE(mail_5xx) {
  on_both(By::LockStep, [](Story& story) {
    story.server("550 5.7.1 not you\r\n");
    story.ends({{"550 5.7.1"}}, nothing, Then::Reset);
  });
  Story on_fresh(By::LockStep, fresh);
  on_fresh.server("503 5.5.1 no\r\n");
  on_fresh.ends({{"503 5.5.1"}}, nothing, Then::Reset);
}

BOOST_AUTO_TEST_CASE(mail_lost_reused) {
  for (auto by : {By::LockStep, By::Pipelining})
    for (auto beginning : {"", "25"}) {
      Story story(by, reused);
      story.server(beginning).eof();
      story.ends({{"451 4.4.2 lost connection with mx.example.com[192.0.2.1]:25 while waiting for "
                   "the reply to MAIL FROM",
                   true}},
                 Retry::FreshConnection, Then::Closed);
    }
}

BOOST_AUTO_TEST_CASE(mail_lost_fresh) {
  Story story(By::LockStep, fresh);
  story.eof();
  story.ends({{"451 4.4.2"}}, nothing, Then::Closed);
}

BOOST_AUTO_TEST_CASE(mail_timeout_reused) {
  Story story(By::LockStep, reused);
  story.wait(300s);
  story.ends({{"451 4.4.2 conversation with mx.example.com[192.0.2.1]:25 timed out while waiting "
               "for the reply to MAIL FROM",
               true}},
             Retry::FreshConnection, Then::Closed);
}

BOOST_AUTO_TEST_CASE(mail_timeout_fresh) {
  Story story(By::LockStep, fresh);
  story.wait(300s - 1ns);
  BOOST_TEST(story.events.empty());
  story.wait(1ns);
  story.ends({{"451 4.4.2"}}, nothing, Then::Closed);
}

BOOST_AUTO_TEST_CASE(mail_nonsense) {
  for (auto reply :
       {"hello\r\n", "150 wait\r\n", "650 what\r\n", "354 go\r\n", "250-a\r\n550 b\r\n"})
    on_both(By::LockStep, [&](Story& story) {
      story.server(reply);
      story.ends({{"451 4.5.0"}}, nothing, Then::Poisoned);
    });
}

// RCPT TO

BOOST_AUTO_TEST_CASE(rcpt_421_reused) {
  Story story(By::LockStep, reused, 2);
  story.server(ok).server(ok).server("421 4.7.0 bye\r\n");
  story.ends({{"451 4.7.0", true}, {"451 4.7.0", true}}, Retry::FreshConnection, Then::Closed);
}

BOOST_AUTO_TEST_CASE(rcpt_421_fresh) {
  Story story(By::Pipelining, fresh, 2);
  story.server(ok).server("421 4.7.0 bye\r\n");
  story.ends({{"451 4.7.0"}, {"451 4.7.0"}}, nothing, Then::Closed);
}

BOOST_AUTO_TEST_CASE(rcpt_too_many) {
  for (auto reply : {"452 4.5.3 too many\r\n", "552 5.5.3 too many\r\n"})
    on_both(
        By::LockStep,
        [&](Story& story) {
          story.server(ok).server(ok).server(reply).server(go).server(ok);
          story.ends({{"250 2.0.0"}, {"45", true}}, Retry::SameConnection, Then::Idle);
        },
        2);
}

BOOST_AUTO_TEST_CASE(rcpt_state_fault_reused) {
  for (auto code : {"500", "502", "503"}) {
    Story story(By::LockStep, reused, 2);
    story.server(ok)
        .server(ok)
        .server(std::string(code) + " 5.5.1 bad sequence\r\n")
        .server(go)
        .server(ok);
    story.ends({{"250 2.0.0"}, {"451 4.5.1", true}}, Retry::FreshConnection, Then::Quit);
  }
}

BOOST_AUTO_TEST_CASE(rcpt_4xx) {
  on_both(
      By::LockStep,
      [](Story& story) {
        story.server(ok).server("452 4.2.2 full\r\n").server(ok).server(go).server(ok);
        story.ends({{"452 4.2.2"}, {"250 2.0.0"}}, nothing, Then::Idle);
      },
      2);
}

BOOST_AUTO_TEST_CASE(rcpt_5xx) {
  on_both(
      By::LockStep,
      [](Story& story) {
        story.server(ok).server(ok).server("550 5.1.1 nobody\r\n").server(go).server(ok);
        story.ends({{"250 2.0.0"}, {"550 5.1.1"}}, nothing, Then::Idle);
      },
      2);
  Story on_fresh(By::LockStep, fresh);
  on_fresh.server(ok).server("503 5.5.1 no\r\n");
  on_fresh.ends({{"503 5.5.1"}}, nothing, Then::Reset);
}

BOOST_AUTO_TEST_CASE(rcpt_lost_reused) {
  Story story(By::LockStep, reused, 2);
  story.server(ok).server(ok).eof();
  story.ends({{"451 4.4.2", true}, {"451 4.4.2", true}}, Retry::FreshConnection, Then::Closed);
}

BOOST_AUTO_TEST_CASE(rcpt_lost_fresh) {
  Story story(By::LockStep, fresh);
  story.server(ok).eof("Connection reset by peer");
  story.ends({{"451 4.4.2 lost connection with mx.example.com[192.0.2.1]:25 while waiting for the "
               "reply to RCPT TO (Connection "
               "reset by peer)"}},
             nothing, Then::Closed);
}

BOOST_AUTO_TEST_CASE(rcpt_timeout) {
  on_both(By::LockStep, [](Story& story) {
    story.server(ok).wait(300s);
    story.ends({{"451 4.4.2"}}, nothing, Then::Closed);
  });
}

BOOST_AUTO_TEST_CASE(rcpt_nonsense) {
  for (auto reply : {"?\r\n", "354 go\r\n"})
    on_both(By::LockStep, [&](Story& story) {
      story.server(ok).server(reply);
      story.ends({{"451 4.5.0"}}, nothing, Then::Poisoned);
    });
}

// DATA

BOOST_AUTO_TEST_CASE(data_354_without_recipients, *utf::description("stands on rcpt_5xx")) {
  on_both(By::Pipelining, [](Story& story) {
    story.server(ok).server("550 5.1.1 nobody\r\n").server(go);
    BOOST_TEST(story.sent() == ".\r\n");
    story.ends({{"550 5.1.1"}}, nothing, Then::Quit);
    story.server(ok);  // the answer to the dot counts for nothing
    auto const closed = story.take<Closed>();
    BOOST_TEST((closed && !closed->protocol_error));
  });
}

BOOST_AUTO_TEST_CASE(data_refused_without_recipients, *utf::description("stands on rcpt_5xx")) {
  for (auto reply : {"503 5.5.1 no\r\n", "554 5.5.1 no valid recipients\r\n", "451 4.3.0 no\r\n"})
    on_both(By::Pipelining, [&](Story& story) {
      story.server(ok).server("550 5.1.1 nobody\r\n").server(reply);
      story.ends({{"550 5.1.1"}}, nothing, Then::Reset);
    });
}

BOOST_AUTO_TEST_CASE(data_421_reused) {
  Story story(By::LockStep, reused);
  story.server(ok).server(ok).server("421 4.7.0 bye\r\n");
  story.ends({{"451 4.7.0", true}}, Retry::FreshConnection, Then::Closed);
}

BOOST_AUTO_TEST_CASE(data_421_fresh) {
  Story story(By::LockStep, fresh);
  story.server(ok).server(ok).server("421 4.7.0 bye\r\n");
  story.ends({{"451 4.7.0"}}, nothing, Then::Closed);
}

BOOST_AUTO_TEST_CASE(data_state_fault_reused) {
  for (auto code : {"500", "502", "503"}) {
    Story story(By::LockStep, reused);
    story.server(ok).server(ok).server(std::string(code) + " 5.5.1 need RCPT\r\n");
    story.ends({{"451 4.5.1", true}}, Retry::FreshConnection, Then::Quit);
  }
}

BOOST_AUTO_TEST_CASE(data_4xx) {
  on_both(By::LockStep, [](Story& story) {
    story.server(ok).server(ok).server("451 4.3.0 disk\r\n");
    story.ends({{"451 4.3.0"}}, nothing, Then::Reset);
  });
}

BOOST_AUTO_TEST_CASE(data_5xx) {
  on_both(By::LockStep, [](Story& story) {
    story.server(ok).server(ok).server("554 5.7.1 spam\r\n");
    story.ends({{"554 5.7.1"}}, nothing, Then::Reset);
  });
}

BOOST_AUTO_TEST_CASE(data_lost_reused) {
  Story story(By::LockStep, reused);
  story.server(ok).server(ok).eof();
  story.ends({{"451 4.4.2", true}}, Retry::FreshConnection, Then::Closed);
}

BOOST_AUTO_TEST_CASE(data_lost_fresh) {
  Story story(By::LockStep, fresh);
  story.server(ok).server(ok).eof();
  story.ends({{"451 4.4.2"}}, nothing, Then::Closed);
}

BOOST_AUTO_TEST_CASE(data_timeout_reused) {
  Story story(By::LockStep, reused);
  story.server(ok).server(ok).wait(120s);
  story.ends({{"451 4.4.2", true}}, Retry::FreshConnection, Then::Closed);
}

BOOST_AUTO_TEST_CASE(data_timeout_fresh) {
  Story story(By::LockStep, fresh);
  story.server(ok).server(ok).wait(120s);
  story.ends({{"451 4.4.2"}}, nothing, Then::Closed);
}

BOOST_AUTO_TEST_CASE(data_nonsense) {
  for (auto reply : {"250 what\r\n", "355 go\r\n", "gar bage\r\n"})
    on_both(By::LockStep, [&](Story& story) {
      story.server(ok).server(ok).server(reply);
      story.ends({{"451 4.5.0"}}, nothing, Then::Poisoned);
      BOOST_TEST(story.sent().find("hello") == std::string::npos);
    });
}

// The body, before the commit point: the kernel takes all but the last octet.

namespace {

void hold_the_body_back(Story& story, By by) {
  story.server(ok);
  story.room = by == By::Chunking ? std::string_view("BDAT 21 LAST\r\n").size() + 20
                                  : std::string_view("DATA\r\n").size() + 20;
  story.server(ok);
  if (by != By::Chunking) story.server(go);
  BOOST_TEST(!story.session.is_committed());
  BOOST_TEST((story.session.state() == State::Content));
}

}  // namespace

BOOST_AUTO_TEST_CASE(content_chunking_refused) {
  for (auto code : {"500", "502", "503"})
    on_both(By::Chunking, [&](Story& story) {
      hold_the_body_back(story, By::Chunking);
      story.server(std::string(code) + " 5.5.1 unknown\r\n");
      story.ends({{"451 4.5.1", true}}, Retry::FreshConnection, Then::Closed);
      BOOST_TEST(story.session.chunking_is_broken());
    });
}

BOOST_AUTO_TEST_CASE(content_4xx) {
  for (auto by : {By::LockStep, By::Chunking})
    on_both(by, [&](Story& story) {
      hold_the_body_back(story, by);
      story.room = SIZE_MAX;
      story.server("452 4.3.1 full\r\n");
      story.ends({{"452 4.3.1"}}, nothing, Then::Closed);
      BOOST_TEST(!story.sent().ends_with(".\r\n"));
    });
}

BOOST_AUTO_TEST_CASE(content_5xx) {
  for (auto by : {By::LockStep, By::Chunking})
    on_both(by, [&](Story& story) {
      hold_the_body_back(story, by);
      story.server("554 5.7.1 spam\r\n");
      story.ends({{"554 5.7.1"}}, nothing, Then::Closed);
    });
}

BOOST_AUTO_TEST_CASE(content_2xx) {
  for (auto by : {By::LockStep, By::Chunking})
    for (auto reply : {"250 2.0.0 thank you already\r\n", "354 go on\r\n"})
      on_both(by, [&](Story& story) {
        hold_the_body_back(story, by);
        story.server(reply);
        story.ends({{"451 4.5.0"}}, nothing, Then::Poisoned);
      });
}

BOOST_AUTO_TEST_CASE(content_lost_reused) {
  for (auto by : {By::LockStep, By::Chunking}) {
    Story story(by, reused);
    hold_the_body_back(story, by);
    story.eof();
    story.ends({{"451 4.4.2 lost connection with mx.example.com[192.0.2.1]:25 while sending the "
                 "message body",
                 true}},
               Retry::FreshConnection, Then::Closed);
  }
}

BOOST_AUTO_TEST_CASE(content_lost_fresh) {
  for (auto by : {By::LockStep, By::Chunking}) {
    Story story(by, fresh);
    hold_the_body_back(story, by);
    story.eof();
    story.ends({{"451 4.4.2"}}, nothing, Then::Closed);
  }
}

BOOST_AUTO_TEST_CASE(content_lost_mid_reply) {
  on_both(By::LockStep, [](Story& story) {
    hold_the_body_back(story, By::LockStep);
    story.server("55").eof();
    story.ends({{"451 4.4.2"}}, nothing, Then::Closed);
  });
}

BOOST_AUTO_TEST_CASE(content_timeout) {
  on_both(By::LockStep, [](Story& story) {
    hold_the_body_back(story, By::LockStep);
    story.wait(180s);
    story.ends({{"451 4.4.2"}}, nothing, Then::Closed);
  });
}

BOOST_AUTO_TEST_CASE(content_nonsense) {
  on_both(By::LockStep, [](Story& story) {
    hold_the_body_back(story, By::LockStep);
    story.server("!!!\r\n");
    story.ends({{"451 4.5.0"}}, nothing, Then::Poisoned);
  });
}

// BDAT LAST, after the commit point

BOOST_AUTO_TEST_CASE(chunk_refused_after_mail_refused, *utf::description("stands on mail_5xx")) {
  on_both(By::OneFlight, [](Story& story) {
    story.server("550 5.7.1 not you\r\n")
        .server("503 5.5.1 no MAIL\r\n")
        .server("503 5.5.1 no RCPT\r\n");
    story.ends({{"550 5.7.1"}}, nothing, Then::Reset);
  });
}

BOOST_AUTO_TEST_CASE(chunk_refused_without_recipients, *utf::description("stands on rcpt_5xx")) {
  on_both(By::OneFlight, [](Story& story) {
    story.server(ok).server("550 5.1.1 nobody\r\n").server("503 5.5.1 no RCPT\r\n");
    story.ends({{"550 5.1.1"}}, nothing, Then::Reset);
    BOOST_TEST(!story.session.chunking_is_broken());
  });
}

BOOST_AUTO_TEST_CASE(chunk_taken_without_recipients, *utf::description("stands on rcpt_5xx")) {
  on_both(By::OneFlight, [](Story& story) {
    story.server(ok).server("550 5.1.1 nobody\r\n").server(ok);
    story.ends({{"550 5.1.1"}}, nothing, Then::Poisoned);
  });
}

BOOST_AUTO_TEST_CASE(chunking_refused) {
  for (auto by : {By::Chunking, By::OneFlight})
    for (auto code : {"500", "502", "503"})
      on_both(by, [&](Story& story) {
        story.server(ok).server(ok).server(std::string(code) + " 5.5.1 unknown\r\n");
        BOOST_TEST(story.sent().ends_with("RSET\r\n"));
        BOOST_TEST(story.session.chunking_is_broken());
        BOOST_TEST(!story.session.is_committed());
        story.server(ok);
        BOOST_TEST(story.sent().starts_with("MAIL FROM:<a@example.net>\r\n"));
        story.server(ok).server(ok).server(go);
        BOOST_TEST(story.sent().ends_with("hello\r\n.\r\n"));
        story.server(ok);
        story.ends({{"250 2.0.0"}}, nothing, Then::Idle);
      });
}

BOOST_AUTO_TEST_CASE(chunk_421) {
  on_both(By::OneFlight, [](Story& story) {
    story.server(ok).server(ok).server("421 4.3.2 going down\r\n");
    story.ends({{"451 4.3.2"}}, nothing, Then::Closed);
  });
}

BOOST_AUTO_TEST_CASE(chunk_4xx) {
  on_both(By::OneFlight, [](Story& story) {
    story.server(ok).server(ok).server("451 4.7.1 greylisted\r\n");
    story.ends({{"451 4.7.1"}}, nothing, Then::Reset);
  });
}

BOOST_AUTO_TEST_CASE(chunk_5xx) {
  on_both(By::OneFlight, [](Story& story) {
    story.server(ok).server(ok).server("554 5.7.1 spam\r\n");
    story.ends({{"554 5.7.1"}}, nothing, Then::Reset);
  });
}

BOOST_AUTO_TEST_CASE(chunk_lost) {
  for (auto beginning : {"", "250 2.0.0 o"})
    on_both(By::OneFlight, [&](Story& story) {
      story.server(ok).server(ok).server(beginning).eof();
      story.ends({{"451 4.4.2 lost connection with mx.example.com[192.0.2.1]:25 while waiting for "
                   "end-of-data reply",
                   false, true}},
                 nothing, Then::Closed);
    });
  on_both(By::OneFlight, [&](Story& story) {  // the whole flight is out, no reply to MAIL has come
    story.eof();
    story.ends({{"451 4.4.2", false, true}}, nothing, Then::Closed);
  });
}

BOOST_AUTO_TEST_CASE(chunk_timeout) {
  on_both(By::OneFlight, [](Story& story) {
    story.server(ok).server(ok).wait(600s - 1ns);
    BOOST_TEST(story.events.empty());
    story.wait(1ns);
    story.ends({{"451 4.4.2", false, true}}, nothing, Then::Closed);
  });
}

BOOST_AUTO_TEST_CASE(chunk_nonsense) {
  for (auto reply : {"354 go\r\n", "150 wait\r\n", "650 what\r\n", "garbage\r\n250 ok\r\n"})
    on_both(By::OneFlight, [&](Story& story) {
      story.server(ok).server(ok).server(reply);
      story.ends({{"451 4.4.2", false, true}}, nothing, Then::Poisoned);
    });
}

// The dot, after the commit point

namespace {

void send_the_dot(Story& story) {
  story.server(ok).server(ok).server(go);
  BOOST_TEST(story.sent().ends_with("hello\r\n.\r\n"));
  BOOST_TEST(story.session.is_committed());
}

}  // namespace

BOOST_AUTO_TEST_CASE(end_of_data_421) {
  on_both(By::LockStep, [](Story& story) {
    send_the_dot(story);
    story.server("421 4.3.2 going down\r\n");
    story.ends({{"451 4.3.2"}}, nothing, Then::Closed);
  });
}

BOOST_AUTO_TEST_CASE(end_of_data_4xx) {
  on_both(By::LockStep, [](Story& story) {
    send_the_dot(story);
    story.server("451 4.7.1 greylisted\r\n");
    story.ends({{"451 4.7.1"}}, nothing, Then::Reset);
  });
}

BOOST_AUTO_TEST_CASE(end_of_data_5xx) {
  on_both(By::LockStep, [](Story& story) {
    send_the_dot(story);
    story.server("552 5.3.4 too big\r\n");
    story.ends({{"552 5.3.4"}}, nothing, Then::Reset);
  });
}

BOOST_AUTO_TEST_CASE(end_of_data_lost) {
  for (auto how : {"the server closed the connection", "Connection reset by peer",
                   "TLS alert: internal error"})
    for (auto beginning : {"", "250 2.0.0 o"})
      on_both(By::LockStep, [&](Story& story) {
        send_the_dot(story);
        story.server(beginning).eof(how);
        story.ends({{"451 4.4.2", false, true}}, nothing, Then::Closed);
      });
}

BOOST_AUTO_TEST_CASE(end_of_data_timeout) {
  on_both(By::LockStep, [](Story& story) {
    send_the_dot(story);
    story.wait(600s);
    story.ends({{"451 4.4.2 conversation with mx.example.com[192.0.2.1]:25 timed out while waiting "
                 "for end-of-data reply",
                 false, true}},
               nothing, Then::Closed);
  });
}

BOOST_AUTO_TEST_CASE(end_of_data_nonsense) {
  for (auto reply : {"354 go\r\n", "150 wait\r\n", "650 what\r\n", "garbage\r\n250 ok\r\n",
                     "250-a\r\n251 b\r\n"})
    on_both(By::LockStep, [&](Story& story) {
      send_the_dot(story);
      story.server(reply);
      story.ends({{"451 4.4.2", false, true}}, nothing, Then::Poisoned);
    });
}

// RSET between a refused BDAT and DATA

BOOST_AUTO_TEST_CASE(restart_refused, *utf::description("stands on chunking_refused")) {
  on_both(By::Chunking, [](Story& story) {
    story.server(ok).server(ok).server("502 5.5.1 unknown\r\n").server("500 5.5.1 unknown\r\n");
    story.ends({{"451 4.5.1", true}}, Retry::FreshConnection, Then::Closed);
  });
}

BOOST_AUTO_TEST_CASE(restart_failed, *utf::description("stands on chunking_refused")) {
  on_both(By::Chunking, [](Story& story) {
    story.server(ok).server(ok).server("502 5.5.1 unknown\r\n").wait(20s);
    story.ends({{"451 4.4.2", true}}, Retry::FreshConnection, Then::Closed);
  });
  on_both(By::Chunking, [](Story& story) {
    story.server(ok).server(ok).server(
        "502 5.5.1 unknown\r\n500 what\r\n");  // it took the chunk for commands
    story.ends({{"451 4.5.0", true}}, Retry::FreshConnection, Then::Poisoned);
  });
}

BOOST_AUTO_TEST_CASE(every_row_has_a_test_of_its_name) {
  struct Names : utf::test_tree_visitor {
    void visit(utf::test_case const& test) override { seen.insert(test.p_name.get()); }
    std::set<std::string> seen;
  } names;
  utf::traverse_test_tree(utf::framework::master_test_suite(), names, true);
  for (auto const& row : smtp::rows())
    BOOST_TEST(names.seen.count(std::string(row.name)) == 1U, row.name);
}

BOOST_AUTO_TEST_CASE(whatever_happens_there_is_a_row) {
  std::vector<Sign> signs{Lost, LostMidReply, TimedOut, Nonsense};
  for (Sign code = 200; code < 600; ++code) signs.push_back(code);
  std::set<std::string_view> used;
  for (auto place : {Place::Mail, Place::Rcpt, Place::Data, Place::Content, Place::Chunk,
                     Place::EndOfData, Place::Restart})
    for (unsigned bits = 0; bits < 16; ++bits)
      for (auto sign : signs) {
        bool const is_hoped_for = sign / 100 == 2 && place != Place::Content;
        if (is_hoped_for && place != Place::Data && place != Place::Chunk) continue;
        if (is_hoped_for && place == Place::Chunk && (bits & 2U) != 0) continue;
        Context const context{(bits & 1U) != 0, (bits & 2U) != 0, (bits & 4U) != 0,
                              (bits & 8U) != 0};
        used.insert(row_for(place, sign, context).name);
      }
  BOOST_TEST(used.size() == smtp::rows().size());  // no row is hidden behind another
}

BOOST_AUTO_TEST_SUITE_END()
