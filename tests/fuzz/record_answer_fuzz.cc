// DNS answers with TLSA and TXT records, of any shape: what is made of them is bounded and usable
// as it says.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "core/route/dns_wire.h"
#include "core/tls/sts_policy.h"

using namespace mailpool;
using namespace mailpool::route;

namespace {

void demand(bool truth) {
  if (!truth) std::abort();
}

void look_at_tlsa(RecordAnswer const& answer) {
  std::vector<tls::TlsaRecord> records;
  for (auto const& rdata : answer.records)
    if (auto record = tlsa_of(rdata)) records.push_back(std::move(*record));
  auto const usable = tls::usable(records);
  demand(usable.size() <= records.size());
  for (auto const& record : usable) demand(record.usage == 2 || record.usage == 3);
  demand(tls::digest_of(usable).empty() == usable.empty());
}

void look_at_text(RecordAnswer const& answer) {
  std::vector<std::string> texts;
  for (auto const& rdata : answer.records)
    if (auto text = text_of(rdata)) {
      demand(text->size() <= rdata.size());
      texts.push_back(std::move(*text));
    }
  if (auto const id = tls::sts_id_of(texts)) demand(!id->empty() && id->size() <= 32);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  Octets const message(data, size);
  for (auto const type : {type_tlsa, type_txt, type_cname}) {
    auto const answer = parse_record_answer(message, type);
    demand((answer.status == DnsStatus::Answer) == !answer.records.empty());
    demand(answer.ttl >= Duration::zero());
    demand(answer.records.size() <= 64);
    for (auto const& rdata : answer.records) demand(rdata.size() <= size);
    if (type == type_tlsa) look_at_tlsa(answer);
    if (type == type_txt) look_at_text(answer);
  }
  return 0;
}
