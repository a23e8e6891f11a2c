// An unmodified co-wechat-api that makes single calls, each with a client of its own.
//
// Each line of standard input is a JSON object: the host, the account, the key, a token that the client has already (or
// null), and what is called. For each, a line of standard output has what came of it. It ends with its input.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [modules] = process.argv.slice(2);
const API = createRequire(modules + '/')('co-wechat-api');

const calls = {
  token: (api) => api.getAccessToken(),
  users: (api) => api.getFollowers(),
  menu: (api) => api.getMenu(),
  groups: (api) => api.getGroups(),
  tags: (api) => api.getTags(),
  ticket: (api) => api.getTicket(),
  login: (api) => api.code2Session('CODE'),
};

async function outcome({ hub, account, key, token, call }) {
  const api = new API(account, key);
  api.prefix = `${hub}/cgi-bin/`;
  api.snsPrefix = `${hub}/sns/`;
  api.setOpts({ timeout: 20000 });
  if (token) await api.saveToken(new API.AccessToken(token, Date.now() + 3600_000));
  try {
    await calls[call](api);
    return { errcode: 0, errmsg: '' };
  } catch (error) {
    return { errcode: error.code ?? null, errmsg: String(error) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await outcome(JSON.parse(line))));
}
