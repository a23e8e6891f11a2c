// An unmodified co-wechat-api that is told another host.
//
// Round after round it reads its followers, sends a message, uploads a medium and downloads it again, and makes a QR
// code. Each round is told on standard output; whatever goes wrong ends the process with an error. It ends when its
// standard input is closed.

import assert from 'node:assert';
import { createRequire } from 'node:module';

const [modules, hub, appid, key] = process.argv.slice(2);
const API = createRequire(modules + '/')('co-wechat-api');

const api = new API(appid, key);
api.prefix = `${hub}/cgi-bin/`;
api.setOpts({ timeout: 10000 });

let ended = false;
process.stdin.on('end', () => { ended = true; });
process.stdin.resume();

async function story(number) {
  const followers = (await api.getFollowers()).data.openid;
  assert.equal((await api.getUser(followers[0])).openid, followers[0]);
  assert.equal((await api.sendText(followers[0], `round ${number}: 您好`)).errcode, 0);
  const picture = Buffer.alloc(70_000, number % 256);
  const medium = (await api.uploadMedia(picture, 'image', 'a.jpg', 'image/jpeg')).media_id;
  assert.ok(picture.equals(await api.getMedia(medium)));
  assert.ok((await api.createTmpQRCode(1, 60)).ticket);
}

for (let number = 0; !ended; number += 1) {
  await story(number);
  console.log(`round ${number + 1}`);
}
