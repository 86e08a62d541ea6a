#include "store/serve/routes.hpp"

#include <array>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/format.hpp"
#include "base/log.hpp"
#include "store/serve/upload_routes.hpp"

namespace orrery::store::serve {
namespace {

using http::Content;

// `nullopt`: there is no such thing.
using Found = Result<std::optional<Content>>;

Found find_list(Library& library, const std::string& /*name*/) {
  ORRERY_TRY(std::string list, library.list());
  return http::text_content("application/json", std::move(list));
}

Found find_manifest(Library& library, const std::string& name) {
  ORRERY_TRY(const auto opened, library.image(name));
  if (!opened) return std::nullopt;
  Content content;
  content.etag = opened->etag;
  content.size = opened->manifest.size();
  content.read = [opened](std::uint64_t offset, MutableByteSpan to) -> Result<> {
    std::memcpy(to.data(), opened->manifest.data() + offset, to.size());
    return {};
  };
  return content;
}

Found find_content(Library& library, const std::string& name) {
  ORRERY_TRY(const auto opened, library.image(name));
  if (!opened) return std::nullopt;
  Content content;
  content.etag = format("\"{}\"", to_hex(opened->image->manifest().content));
  content.size = opened->image->size();
  content.read = [opened](std::uint64_t offset, MutableByteSpan to) {
    return opened->image->read(offset, to);
  };
  return content;
}

Found find_pack(Library& library, const std::string& name) {
  const std::optional<Digest> id = parse_pack_name(name);
  if (!id) return std::nullopt;
  ORRERY_TRY(const auto file, library.pack(*id));
  if (!file) return std::nullopt;
  Content content;
  content.etag = format("\"{}\"", name);
  content.immutable = true;
  content.size = file->size();
  content.read = [file](std::uint64_t offset, MutableByteSpan to) {
    return file->read(offset, to);
  };
  return content;
}

// What stands at a pack's end, from its tables on.
Found find_table(Library& library, const std::string& name) {
  ORRERY_TRY(auto content, find_pack(library, name));
  if (!content) return std::nullopt;
  if (content->size < kPackHeader + kPackFooter) return fail("a pack was cut off");
  std::vector<std::byte> bytes(kPackFooter);
  ORRERY_CHECK(content->read(content->size - kPackFooter, bytes));
  ORRERY_TRY(const PackFooter footer, parse_footer(bytes, content->size));
  content->etag = format("\"{}-table\"", name);
  content->size -= footer.table_offset;
  content->read = [read = std::move(content->read), from = footer.table_offset](
                      std::uint64_t offset, MutableByteSpan to) { return read(from + offset, to); };
  return content;
}

struct Route {
  std::string_view before;  // of the path; behind it stands a name
  std::string_view after;
  Found (*find)(Library& library, const std::string& name);
};
// The first that fits.
constexpr std::array kRoutes{
    Route{"/images/", "/content", find_content},
    Route{"/images/", "", find_manifest},
    Route{"/packs/", "/table", find_table},
    Route{"/packs/", "", find_pack},
};

Found find(Library& library, std::string_view path) {
  if (path == "/images") return find_list(library, "");
  for (const Route& route : kRoutes) {
    if (!path.starts_with(route.before) || !path.ends_with(route.after)) continue;
    if (path.size() <= route.before.size() + route.after.size()) continue;
    const std::string_view name =
        path.substr(route.before.size(), path.size() - route.before.size() - route.after.size());
    if (name.find('/') == std::string_view::npos) return route.find(library, std::string(name));
  }
  return std::nullopt;
}

}  // namespace

http::Reply reply_to(const http::Request& request, Library& library, Uploads* uploads) {
  if (is_upload_path(request.path)) return reply_to_upload(request, uploads);
  if (request.method != http::Method::kGet && request.method != http::Method::kHead) {
    http::Reply reply =
        http::error_reply(405, "only GET and HEAD are served here, besides /uploads");
    reply.more = "Allow: GET, HEAD\r\n";
    return reply;
  }
  auto found = find(library, request.path);
  if (!found) {
    log::warning("store server: {}: {}", request.path, found.error().message());
    return http::error_reply(500, "the store cannot read it; its server's log says more");
  }
  if (!*found) {
    return http::error_reply(404, "there is no such thing here; see /images for what there is");
  }
  return http::reply_with(std::move(**found), request.header("Range"),
                          request.header("If-None-Match"));
}

}  // namespace orrery::store::serve
