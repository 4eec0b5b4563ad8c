#include "core/smtp/verdicts.h"

#include <algorithm>
#include <cassert>

namespace mailpool::smtp {
namespace {

using enum When;
using enum Action;

// A state fault of a reused connection (500, 502, 503, "nested MAIL") must not bounce mail; a
// verdict on the mail must not be asked for twice. 450..452 to MAIL on a reused connection mean
// "too many messages" often enough that a fresh one may answer differently.
constexpr auto table = std::to_array<Row>({
    // clang-format off
    {"mail_421_reused",                  Place::Mail,      {421},                     Reused,       FreshConnection},
    {"mail_421_fresh",                   Place::Mail,      {421},                     Fresh,        PassAndClose},
    {"mail_session_4xx_reused",          Place::Mail,      {450, 451, 452},           Reused,       FreshConnection},
    {"mail_state_fault_reused",          Place::Mail,      {500, 501, 502, 503, 555}, Reused,       FreshConnection},
    {"mail_4xx",                         Place::Mail,      {4},                       Always,       PassToAll},
    {"mail_5xx",                         Place::Mail,      {5},                       Always,       PassToAll},
    {"mail_lost_reused",                 Place::Mail,      {Lost, LostMidReply},      Reused,       FreshConnection},
    {"mail_lost_fresh",                  Place::Mail,      {Lost, LostMidReply},      Fresh,        Defer},
    {"mail_timeout_reused",              Place::Mail,      {TimedOut},                Reused,       FreshConnection},
    {"mail_timeout_fresh",               Place::Mail,      {TimedOut},                Fresh,        Defer},
    {"mail_nonsense",                    Place::Mail,      {Nonsense, 3},             Always,       Violation},

    {"rcpt_421_reused",                  Place::Rcpt,      {421},                     Reused,       FreshConnection},
    {"rcpt_421_fresh",                   Place::Rcpt,      {421},                     Fresh,        PassAndClose},
    {"rcpt_too_many",                    Place::Rcpt,      {452, 552},                SomeAccepted, NextTransaction},
    {"rcpt_state_fault_reused",          Place::Rcpt,      {500, 502, 503},           Reused,       FreshForOne},
    {"rcpt_4xx",                         Place::Rcpt,      {4},                       Always,       PassToOne},
    {"rcpt_5xx",                         Place::Rcpt,      {5},                       Always,       PassToOne},
    {"rcpt_lost_reused",                 Place::Rcpt,      {Lost, LostMidReply},      Reused,       FreshConnection},
    {"rcpt_lost_fresh",                  Place::Rcpt,      {Lost, LostMidReply},      Fresh,        Defer},
    {"rcpt_timeout",                     Place::Rcpt,      {TimedOut},                Always,       Defer},
    {"rcpt_nonsense",                    Place::Rcpt,      {Nonsense, 3},             Always,       Violation},

    {"data_354_without_recipients",      Place::Data,      {354},                     NoneAccepted, LoneDot},
    {"data_refused_without_recipients",  Place::Data,      {4, 5},                    NoneAccepted, KeepReplies},
    {"data_421_reused",                  Place::Data,      {421},                     Reused,       FreshConnection},
    {"data_421_fresh",                   Place::Data,      {421},                     Fresh,        PassAndClose},
    {"data_state_fault_reused",          Place::Data,      {500, 502, 503},           ReusedAndSomeAccepted, FreshConnection},
    {"data_4xx",                         Place::Data,      {4},                       Always,       PassToAll},
    {"data_5xx",                         Place::Data,      {5},                       Always,       PassToAll},
    {"data_lost_reused",                 Place::Data,      {Lost, LostMidReply},      Reused,       FreshConnection},
    {"data_lost_fresh",                  Place::Data,      {Lost, LostMidReply},      Fresh,        Defer},
    {"data_timeout_reused",              Place::Data,      {TimedOut},                Reused,       FreshConnection},
    {"data_timeout_fresh",               Place::Data,      {TimedOut},                Fresh,        Defer},
    {"data_nonsense",                    Place::Data,      {Nonsense, 2, 3},          Always,       Violation},

    {"content_chunking_refused",         Place::Content,   {500, 502, 503},           Chunked,      FreshWithoutChunking},
    {"content_4xx",                      Place::Content,   {4},                       Always,       PassAndClose},
    {"content_5xx",                      Place::Content,   {5},                       Always,       PassAndClose},
    {"content_2xx",                      Place::Content,   {2, 3},                    Always,       Violation},
    {"content_lost_reused",              Place::Content,   {Lost},                    Reused,       FreshConnection},
    {"content_lost_fresh",               Place::Content,   {Lost},                    Fresh,        Defer},
    {"content_lost_mid_reply",           Place::Content,   {LostMidReply},            Always,       Defer},
    {"content_timeout",                  Place::Content,   {TimedOut},                Always,       Defer},
    {"content_nonsense",                 Place::Content,   {Nonsense},                Always,       Violation},

    {"chunk_refused_after_mail_refused", Place::Chunk,     {4, 5},                    MailRefused,  KeepReplies},
    {"chunk_refused_without_recipients", Place::Chunk,     {4, 5},                    NoneAccepted, KeepReplies},
    {"chunk_taken_without_recipients",   Place::Chunk,     {2},                       NoneAccepted, KeepAndPoison},
    {"chunking_refused",                 Place::Chunk,     {500, 502, 503},           SomeAccepted, WithoutChunking},
    {"chunk_421",                        Place::Chunk,     {421},                     Always,       PassAndClose},
    {"chunk_4xx",                        Place::Chunk,     {4},                       Always,       PassToAll},
    {"chunk_5xx",                        Place::Chunk,     {5},                       Always,       PassToAll},
    {"chunk_lost",                       Place::Chunk,     {Lost, LostMidReply},      Always,       Ambiguous},
    {"chunk_timeout",                    Place::Chunk,     {TimedOut},                Always,       Ambiguous},
    {"chunk_nonsense",                   Place::Chunk,     {Nonsense, 3},             Always,       Ambiguous},

    {"end_of_data_421",                  Place::EndOfData, {421},                     Always,       PassAndClose},
    {"end_of_data_4xx",                  Place::EndOfData, {4},                       Always,       PassToAll},
    {"end_of_data_5xx",                  Place::EndOfData, {5},                       Always,       PassToAll},
    {"end_of_data_lost",                 Place::EndOfData, {Lost, LostMidReply},      Always,       Ambiguous},
    {"end_of_data_timeout",              Place::EndOfData, {TimedOut},                Always,       Ambiguous},
    {"end_of_data_nonsense",             Place::EndOfData, {Nonsense, 3},             Always,       Ambiguous},

    {"restart_refused",                  Place::Restart,   {3, 4, 5},                 Always,       FreshWithoutChunking},
    {"restart_failed",                   Place::Restart,   {Lost, LostMidReply, TimedOut, Nonsense}, Always, FreshWithoutChunking},
    // clang-format on
});

bool holds(When when, Context c) {
  switch (when) {
    case Always:
      return true;
    case Reused:
      return c.is_reused;
    case Fresh:
      return !c.is_reused;
    case SomeAccepted:
      return c.has_accepted;
    case NoneAccepted:
      return !c.has_accepted;
    case MailRefused:
      return c.is_mail_refused;
    case ReusedAndSomeAccepted:
      return c.is_reused && c.has_accepted;
    case Chunked:
      return c.is_chunked;
  }
  return false;
}

bool is_among(Sign sign, std::array<Sign, 5> const& signs) {
  Sign const klass = sign / 100;  // 0 for what is no reply, as the empty places of a row
  return std::any_of(signs.begin(), signs.end(),
                     [&](Sign s) { return s == sign || (klass != 0 && s == klass); });
}

}  // namespace

std::string_view sentence_of(Place place) {
  switch (place) {
    case Place::Mail:
      return "waiting for the reply to MAIL FROM";
    case Place::Rcpt:
      return "waiting for the reply to RCPT TO";
    case Place::Data:
      return "waiting for the reply to DATA";
    case Place::Content:
      return "sending the message body";
    case Place::Chunk:
    case Place::EndOfData:
      return "waiting for end-of-data reply";
    case Place::Restart:
      return "waiting for the reply to RSET";
  }
  return "";
}

std::string_view command_of(Place place) {
  switch (place) {
    case Place::Mail:
      return "MAIL FROM";
    case Place::Rcpt:
      return "RCPT TO";
    case Place::Data:
      return "DATA";
    case Place::Content:
      return "the message body";
    case Place::Chunk:
      return "BDAT";
    case Place::EndOfData:
      return "end of data";
    case Place::Restart:
      return "RSET";
  }
  return "";
}

std::span<Row const> rows() {
  return table;
}

Row const& row_for(Place place, Sign sign, Context context) {
  auto const row = std::find_if(table.begin(), table.end(), [&](Row const& r) {
    return r.place == place && is_among(sign, r.signs) && holds(r.when, context);
  });
  assert(row != table.end() && "every happening has a row");
  return *row;
}

}  // namespace mailpool::smtp
