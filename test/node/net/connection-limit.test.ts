import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createSharedPort } from "#src/node/net/shared-port.ts";

test("a shared port closes at once what is beyond its connections, also while nobody has said a word", async () => {
  const { server } = createSharedPort((_request, response) => void response.end("ok"), { maxConnections: 2 });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const open = async () => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    onTestFinished(() => void socket.destroy());
    await once(socket, "connect");
    return socket;
  };
  onTestFinished(() => void server.close());
  const held = [await open(), await open()];
  const third = await open();
  await once(third, "close");
  expect(held.map(({ closed }) => closed)).toEqual([false, false]);
  held[0]?.destroy();
  await once(held[0]!, "close");
  await expect.poll(() => new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))).toBe(1);
  const next = await open();
  next.write("GET / HTTP/1.1\r\nHost: port.test\r\nConnection: close\r\n\r\n");
  const [answer] = await once(next, "data");
  expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /);
});
