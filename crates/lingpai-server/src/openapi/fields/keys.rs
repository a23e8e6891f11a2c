//! Keys and sessions, nodes, and whether the server is well.

fields! {
    "Keys.keys": "The oldest first.", "旧的在前。";
    "id": "The id, which is no secret.", "id，不是机密。";
    "name": "For whom it is: the service or person.", "给谁用：服务或人。";
    "environment":
        "A key of `test` or `dev` can neither report, rotate, clear quota nor manage.",
        "`test` 和 `dev` 的密钥不能报告失效、更换凭据、清零额度，也不能做管理操作。";
    "rights": "What it may do.", "权限。";
    "accounts": "`\"all\"`, or the names of accounts.", "`\"all\"`，或账号名的列表。";
    "networks": "Where it may be used from; empty is everywhere.", "可以从哪些网段使用；空为不限。";
    "bounds": "What it may call through the gateway, and how much of it.", "经网关可以调用什么、调用多少。";
    "domains": "Whose pages it may have signed; absent is all.", "可以为哪些域名的页面签名；没有为不限。";
    "preset": "Which SDK uses it.", "由哪种 SDK 使用。";
    "Key.expires_at": "Its end; `null` is none.", "有效期至；`null` 为长期有效。";
    "revoked_at": "When it was revoked.", "吊销的时间。";
    "first_used_at": "When it was first used.", "首次使用的时间。";
    "good": "Whether it is neither revoked nor expired.", "是否既未吊销也未过期。";
    "NewKey.role":
        "A set of rights by name; this or `rights`, or both.",
        "按角色给出一组权限；与 `rights` 至少给出一个。";
    "NewKey.expires_in": "Seconds until its end; by default it has none.", "有效秒数；默认长期有效。";
    "Bounds.paths": "Which paths: `/cgi-bin/message/*`.", "哪些路径，如 `/cgi-bin/message/*`。";
    "Bounds.per_minute": "How many calls a minute.", "每分钟几次。";
    "Bounds.at_once": "How many calls at once.", "同时几个。";
    "Bounds.per_day": "How many calls a day.", "每天几次。";
    "Key.key": "The key itself, only when it was just made.", "密钥本身，只在新建时返回。";
    "Login.key": "The key.", "密钥。";
    "csrf": "What to send as `X-Lingpai-CSRF`.", "作为 `X-Lingpai-CSRF` 发送的值。";
    "Session.key": "The key of whoever is logged in.", "登录所用的密钥。";
    "Session.expires_at": "When the session ends.", "会话的结束时间。";
    "Session.reveal": "Whether the console may show tokens.", "控制台能否显示凭据。";
    "version": "The version of Lingpai.", "Lingpai 的版本。";
    "Nodes.nodes": "This one among them; none where no store is shared.", "包括本节点；存储不共用时为空。";
    "Nodes.propagation": "How soon rotations by other nodes were in the memory of this one.", "其他节点更换的凭据多久到达本节点的内存。";
    "Node.node": "Its id.", "节点 id。";
    "Node.this": "It is the one that answers.", "就是回答的这个节点。";
    "Node.alive": "It was seen within seven seconds.", "七秒内有消息。";
    "Node.name": "Its machine.", "所在的机器。";
    "Node.address": "Its address.", "地址。";
    "Node.since": "Since when it runs.", "启动时间。";
    "Node.seen_at": "When it was last seen.", "最近一次有消息的时间。";
    "Node.credentials": "How many credentials it keeps.", "维护的凭据数。";
    "Node.leases": "Which leases it holds; 16 at most.", "持有的租约，最多列 16 个。";
    "Propagation.rotations": "How many there were.", "次数。";
    "Propagation.half_within_ms": "Half of them within so many milliseconds.", "半数在多少毫秒内。";
    "Propagation.p99_within_ms": "99 % of them within so many milliseconds.", "99% 在多少毫秒内。";
    "Health.status": "`ok`.", "`ok`。";
    "Readiness.status":
        "With 200 `ready` or `degraded`; with 503 `starting`, `draining` or `nothing-to-serve`.",
        "200 时为 `ready` 或 `degraded`；503 时为 `starting`、`draining` 或 `nothing-to-serve`。";
    "Readiness.causes": "What is wrong.", "哪里有问题。";
}
