(()=>{
const page=document, one=(what, of=page)=>of.querySelector(what);
const main=one("main"), {live, every}=main.dataset;
const words={experiment: "Changed", guardrail: "Guardrail tripped", epoch: "Shared anew", missed: ""};
let stream, timer, busy, again, typed;
main.oninput=()=>typed=true;
const idle=()=>!page.hidden&&!typed&&!one(":is(input,select,textarea):focus", main);
const same=(a, b)=>a.nodeName==b.nodeName&&a.id==b.id&&a.dataset?.key==b.dataset?.key;
const turn=(old, now)=>{
if(old.nodeType > 1) return old.data==now.data || (old.data=now.data);
for(const { name } of [...old.attributes, ...now.attributes]) {
const value=now.getAttribute(name);
if(name=="open" || value==old.getAttribute(name)) continue;
value==null ? old.removeAttribute(name) : old.setAttribute(name, value);
}
let at=old.firstChild;
const skip=()=>{ const gone=at; at=at.nextSibling; gone.remove(); };
[...now.childNodes].forEach((next, i, all)=>{
const stays=()=>at.nodeType < 2&&all.slice(i).some(of=>same(at, of));
while(at&&next.nodeType < 2&&!same(at, next)&&!stays()) skip();
if(at&&same(at, next)) turn(at, next), at=at.nextSibling; else old.insertBefore(next, at);
});
while(at) skip();
};
const ask=async news=>{
if(busy) return again ||= news;
busy=true;
try {
const answer=idle()&&await fetch(location);
if(answer.ok&&!answer.redirected) {
const fresh=new DOMParser().parseFromString(await answer.text(), "text/html");
if(idle()) {
for(const part of ["main", "footer"]) turn(one(part), one(part, fresh));
if(news) one("#said").textContent=news;
}
}
} catch {}
busy=false;
if(again) ask(again, again="");
};
const listen=()=>{
stream?.close();
clearInterval(timer);
if(page.hidden) return;
timer=setInterval(ask, every * 1e3, "");
stream=new EventSource("/stream");
for(const name in words) stream.addEventListener(name, ({data})=>{
const key=JSON.parse(data).experiment;
if(!live || !key || key==live) ask(key&&`${words[name]}: ${key}`);
});
};
page.onvisibilitychange=()=>{ listen(); ask(""); };
listen();
})();
