import { once } from "node:events";
import { connect } from "node:http2";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createSharedPort } from "#src/node/net/shared-port.ts";

test("an idle HTTP/2 connection goes; one with a request in it stays until that has ended", async () => {
  let finish: (() => void) | undefined;
  const { server, drain } = createSharedPort(
    (_request, response) => {
      finish = () => response.end("at last");
    },
    { idleTimeoutMs: 50 },
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(async () => {
    server.close();
    await drain();
  });

  const idle = connect(url);
  await once(idle, "close");

  const busy = connect(url);
  const stream = busy.request({ ":path": "/" });
  await once(busy, "goaway");
  expect(busy.destroyed).toBe(false);
  finish!();
  expect((await stream.setEncoding("utf8").toArray()).join("")).toBe("at last");
  if (!busy.closed) await once(busy, "close");
});
