// Drives one Chromium for a test: a JSON order a line on stdin, a JSON answer a
// line on stdout. Each order has a "do" and what that takes.
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

let browser;
let page;
let problems = [];
let requests = [];

const orders = {
  async open({ url, width, height, dark }) {
    browser ??= await chromium.launch({ executablePath: process.env.CHROMIUM, headless: true, args: flags });
    const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce' });
    page = await context.newPage();
    problems = [];
    requests = [];
    page.on('console', (m) => { if (m.type() === 'error' || m.type() === 'warning') problems.push(m.text()); });
    page.on('pageerror', (e) => problems.push(String(e)));
    page.on('dialog', (d) => { problems.push('dialog: ' + d.message()); d.dismiss(); });
    page.on('request', (r) => requests.push(r.url()));
    await page.goto(url);
  },
  async wait({ selector, text, timeout }) {
    let found = page.locator(selector);
    if (text) found = found.filter({ hasText: text });
    await found.first().waitFor({ state: 'visible', timeout });
  },
  gone: ({ selector, timeout }) => page.locator(selector).first().waitFor({ state: 'hidden', timeout }),
  text: ({ selector }) => page.locator(selector).first().innerText({ timeout: 5000 }),
  count: ({ selector }) => page.locator(selector).count(),
  click: ({ selector }) => page.locator(selector).first().click({ timeout: 5000 }),
  fill: ({ selector, value }) => page.locator(selector).first().fill(value, { timeout: 5000 }),
  press: ({ key }) => page.keyboard.press(key),
  evaluate: ({ script }) => page.evaluate(script),
  screenshot: ({ path }) => page.screenshot({ path, fullPage: true }),
  seen: () => ({ problems, requests }),
};

const lines = createInterface({ input: process.stdin });
for await (const line of lines) {
  let answer;
  try {
    const order = JSON.parse(line);
    answer = { value: (await orders[order.do](order)) ?? null };
  } catch (e) {
    answer = { error: String(e.message ?? e) };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
await browser?.close();
