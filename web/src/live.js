// Keeps the page fresh: by events of a running server; by asking now and then where there are none (a published page, too
// many listeners); and says so when the server has gone.

import * as format from './format.js'
import { open } from './source.js'

const POLL_MS = 30000
const PUBLISHED_POLL_MS = 60000
const RETRY_MS = 5000
const SETTLE_MS = 2000

// `on` has refresh (new figures), refreshPipeline (a step has moved) and event (as it came).
export function follow(page, on) {
    if (page.source.features.events) listen(page, on)
    else poll(page, on, PUBLISHED_POLL_MS)
}

function lost(page, is) {
    const { captured_at: captured, batch } = page.source.latest
    page.notice('lost', is ? `The server does not answer. What is shown is of batch ${format.count(batch)}${captured ? `, ${format.instant(captured)}` : ''}; the page tries again by itself.` : '', 'error')
}

// Refreshes that overlap are one refresh: the last one asks for everything that is new by then.
function once(work) {
    let running = null
    let again = false
    return async () => {
        if (running) {
            again = true
            return
        }
        do {
            again = false
            running = work()
            await running.catch(() => {})
            running = null
        } while (again)
    }
}

function listen(page, on) {
    const refresh = once(on.refresh)
    const ask = once(on.refreshPipeline)
    let later
    // when what an event told of has surely reached every document
    const settled = () => {
        clearTimeout(later)
        later = setTimeout(ask, SETTLE_MS)
    }
    const pipeline = () => {
        ask()
        settled()
    }
    // a pipeline that is late sends no event
    const watch = setInterval(() => document.hidden || ask(), POLL_MS)
    const events = page.source.events()
    const handle = (name, act) => events.addEventListener(name, message => {
        const data = JSON.parse(message.data)
        on.event(name, data)
        act?.(data)
    })
    handle('hello', data => {
        lost(page, false)
        if (data.batch !== page.source.latest.batch) refresh()
        settled() // what was there first may have been made just before a batch
    })
    handle('run', pipeline)
    handle('progress')
    handle('batch', pipeline)
    handle('warehouse', () => {
        refresh()
        pipeline()
    })
    events.addEventListener('error', async () => {
        on.event('lost', {})
        const here = await page.source.pipeline().then(() => true, problem => problem.status > 0)
        lost(page, !here)
        // the browser tries again by itself unless the server refused; then this does
        if (events.readyState === EventSource.CLOSED) {
            clearInterval(watch)
            setTimeout(() => listenAgain(page, on, here), RETRY_MS)
        }
    })
    addEventListener('pagehide', () => events.close(), { once: true })
}

async function listenAgain(page, on, here) {
    if (here) {
        poll(page, on, POLL_MS) // it answers, but takes no listeners
        return
    }
    listen(page, on)
}

function poll(page, on, every) {
    setInterval(async () => {
        if (document.hidden) return
        try {
            const had = page.source.latest
            await on.refreshPipeline()
            const { latest } = await open()
            lost(page, false)
            if (latest.batch !== had.batch || latest.published_at !== had.published_at) await on.refresh()
        } catch {
            lost(page, true)
        }
    }, every)
}
